"""The stored picture: its file, and its words wherever a page looks for them."""

import io

import pytest
from PIL import Image

from lrlab.figures import Picture, with_caption, without_caption

ONE = Picture(b"\x89PNG...", 'A "loss" < 1 & falling')


def test_a_page_finds_the_words_in_html_in_text_and_beside_the_file():
    bundle, about = ONE._repr_mimebundle_()
    assert 'alt="A &quot;loss&quot; &lt; 1 &amp; falling"' in bundle["text/html"]
    assert bundle["text/plain"] == repr(ONE) == about["image/png"]["alt"] == ONE.alt


def test_the_file_is_the_same_in_html():
    bundle, about = ONE._repr_mimebundle_()
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]
    assert about["image/png"]["width"] == 760


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_caption_stands_below_the_picture_and_can_be_taken_away(theme):
    file = io.BytesIO()
    Image.linear_gradient("L").resize((760, 460)).quantize(16).save(file, "png")
    png = file.getvalue()
    captioned = with_caption(png, "From an earlier run.", theme)
    first, second, third = (
        Image.open(io.BytesIO(one)).convert("RGB")
        for one in (png, captioned, without_caption(captioned))
    )
    assert second.size == (760, 486)
    assert third.size == first.size == (760, 460)
    assert max(abs(a - b) for a, b in zip(first.tobytes(), third.tobytes(), strict=True)) < 8
    assert without_caption(png) == png
    assert without_caption(b"no picture") == b"no picture"

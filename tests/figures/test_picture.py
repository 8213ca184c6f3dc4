"""The stored picture: its file, and its words wherever a page looks for them."""

from lrlab.figures import Picture

ONE = Picture(b"\x89PNG...", 'A "loss" < 1 & falling')


def test_a_page_finds_the_words_in_html_in_text_and_beside_the_file():
    bundle, about = ONE._repr_mimebundle_()
    assert 'alt="A &quot;loss&quot; &lt; 1 &amp; falling"' in bundle["text/html"]
    assert bundle["text/plain"] == repr(ONE) == about["image/png"]["alt"] == ONE.alt


def test_the_file_is_the_same_in_html():
    bundle, about = ONE._repr_mimebundle_()
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]
    assert about["image/png"]["width"] == 760

"""The picture in the page that follows a fit, and says its values under the pointer meanwhile."""

import traitlets

from lrlab.figures.picture import overlay
from lrlab.widgets import Widget

__all__ = ["LivePicture"]

_SHOW = """
export default {
  render({ model, el }) {
    const place = document.createElement("div");
    place.className = "lrlab-frame lrlab-live";
    place.style.cssText = model.get("look");
    const image = document.createElement("img");
    Object.assign(image, { alt: "Curves of a fit that goes on.", decoding: "sync" });
    image.style.cssText = "display: block; width: 100%";
    place.append(image);
    el.append(place);
    const renew = showValues(place, image, () => model.get("value"), { keys: true });
    const show = () => {
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
      renew();
    };
    model.on("change:value", show);
    show();
    return () => {
      model.off("change:value", show);
      URL.revokeObjectURL(image.src);
    };
  },
};
"""


class LivePicture(Widget):
    """A PNG file that is replaced as a fit goes on; the values of its curves are inside the file.

    The page reads them when somebody points at it, or presses an arrow key: a fit that keeps the
    kernel busy is not asked, and sends no more than the picture. Its `look` is CSS.
    """

    _esm = overlay("js") + _SHOW
    _css = overlay("css")
    value = traitlets.Bytes().tag(sync=True)
    look = traitlets.Unicode().tag(sync=True)

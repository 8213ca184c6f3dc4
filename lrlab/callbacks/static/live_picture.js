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

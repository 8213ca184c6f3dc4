// What a page that was slow has missed. This leans on the insides of anywidget and ipywidgets, and
// nothing else does.

const VIEW = "application/vnd.jupyter.widget-view+json";

// The model ids of the widgets among a cell's outputs, by their places; undefined where it is none.
const viewsOf = (outputs) =>
  [...Array(outputs?.length ?? 0).keys()].map((place) => outputs.get(place).data[VIEW]?.model_id);

// Shows what the notebook gave up. JupyterLab looks two seconds for a widget, and never again where
// all widgets are back by then: if they come as these end, it says "model not found" beside them.
const showLost = (manager) => {
  const cells = manager?.context?.model?.cells;
  if (!cells || manager.lrlabLooks) return;
  const look = async () => {
    for (const { outputs } of cells)
      for (const [place, id] of viewsOf(outputs).entries()) {
        if (!id || !manager.has_model(id)) continue;
        const { views } = await manager.get_model(id);
        if (Object.keys(views ?? {}).length || viewsOf(outputs)[place] !== id) continue;
        outputs.set(place, outputs.get(place).toJSON());
      }
  };
  const soon = () => setTimeout(look, 2500); // when it has given up
  manager.lrlabLooks = true;
  manager.restored?.connect(soon);
  soon();
};

// Has a widget hear the kernel. anywidget (0.9.18 to 0.11) gives a widget up whose module is not
// there after two seconds: it is drawn and can be moved, but whatever the kernel sends to it is
// dropped. ipywidgets' own way takes the messages then, and the kernel is asked for the state, of
// which some was lost.
const missNothing = ({ model }) => {
  showLost(model.widget_manager);
  const whole = model.set({}); // the model itself, as Backbone returns it, of which that is a part
  const above = whole && Object.getPrototypeOf(whole.constructor.prototype); // ipywidgets' class
  const nothing = { content: { data: {} } }; // a message that is refused only if all are
  Promise.resolve(whole?._handle_comm_msg?.(nothing)).catch(() => {
    if (!whole.comm) return;
    const then = { ...whole.attributes };
    whole.set_state = (state) => {
      // In all of the state, what has changed since it was asked for is out of date.
      if ("_esm" in state)
        for (const name of Object.keys(state))
          if (whole.get(name) !== then[name]) delete state[name];
      above.set_state.call(whole, state);
    };
    whole.comm.on_msg((message) => above._handle_comm_msg.call(whole, message));
    whole.comm.send({ method: "request_state" }, whole.callbacks());
  });
};

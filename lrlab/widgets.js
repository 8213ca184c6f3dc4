// Has a widget hear the kernel in a page that was slow. anywidget (0.9.18 to 0.11) gives a widget up
// whose module is not there after two seconds: it is drawn and can be moved, but whatever the kernel
// sends to it is dropped. ipywidgets' own way takes the messages then, and the kernel is asked for
// the state, of which some was lost. This leans on both packages' insides, and nothing else does.
const missNothing = ({ model }) => {
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

// Whether a picture is that of the controls. Where it is not it is greyed, and where the kernel
// does not answer a note says why. A drag that is answered in time never gets so far.

const PATIENCE = 150; // ms that a picture may take before the kernel is asked what goes on
const ANSWER = 500; // ms that its answer may take

const GONE = "The kernel is gone: run this cell again.";
const BUSY = "Waiting for the kernel: perhaps another cell is running.";

// Calls `show(stale, note)` when either changes; returns what ends that.
const watchStale = async (model, explorer, show) => {
  const manager = model.widget_manager;
  const get = (ids) => Promise.all(ids.map((id) => manager.get_model(id)));
  const [root, ...controls] = await get([model.get("explorer"), ...model.get("controls")]);
  // JupyterLab's own, and Notebook 7's; elsewhere the widgets alone tell of a kernel's end.
  const session = manager.context?.sessionContext;
  const kernel = () => session?.session?.kernel;
  const born = kernel()?.id;

  let timer = 0;
  let moved = model; // what the next question is about: the control that moved last
  let [moves, heard] = [0, 0]; // how many there were, and how many of them the kernel knows
  const view = Math.random(); // of several, each hears the answers of all
  const rest = () => (timer = clearTimeout(timer));
  const wait = (then, milliseconds) => {
    rest();
    timer = setTimeout(() => {
      timer = 0;
      then();
    }, milliseconds);
  };
  const gone = () =>
    !root.comm_live || (session && (kernel()?.id !== born || kernel()?.status === "dead"));
  const settle = (stale) => {
    rest();
    show(stale || gone(), gone() ? GONE : "");
  };
  const ask = () => {
    if (gone()) return settle(true);
    // By the same way as its value, or the question is there first: a kernel has several.
    moved.send({ waits: moves, view });
    moved = model;
    wait(() => heard < moves && show(true, BUSY), ANSWER);
  };
  const move = () => timer || wait(ask, PATIENCE);
  const turn = (control) => {
    moves += 1;
    moved = control;
    move();
  };
  const click = () => turn(model);
  const say = () => (model.get("stale") || heard < moves ? move() : settle(false));
  const draw = () => {
    rest(); // be it of what was asked before: more will come
    say();
  };
  const answer = (said) => {
    if (said.view !== view) return;
    heard = Math.max(heard, said.waits);
    rest();
    if (heard === moves) settle(said.stale);
    else move(); // since it was asked, and perhaps to no new picture
  };
  const end = () => gone() && settle(true);

  const events = [
    ...controls.map((control) => [control, "change:value", turn]),
    [model, "change:value", draw],
    [model, "change:words", say],
    [model, "change:stale", say],
    [model, "msg:custom", answer],
    [root, "comm_live_update", end],
  ];
  for (const [source, name, action] of events) source.on(name, action);
  explorer.addEventListener("click", click);
  const signals = session ? [session.statusChanged, session.kernelChanged] : [];
  for (const signal of signals) signal.connect(end);
  settle(model.get("stale"));
  say();

  return () => {
    rest();
    for (const [source, name, action] of events) source.off(name, action);
    explorer.removeEventListener("click", click);
    for (const signal of signals) signal.disconnect(end);
  };
};

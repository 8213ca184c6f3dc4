"""Compiled epochs that serve every model of the same program, so that it is compiled once.

TensorFlow never gives back what XLA has compiled, some 12 MB for a small network. A notebook's cell
that makes an experiment makes another, equal one each time that it runs.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lrlab.backend import keras

from lrlab.training.xla import XLA_PARAMETERS, is_all_kerass_own

if TYPE_CHECKING:
    from lrlab.training.batches import Batches
    from lrlab.training.program import Program

# The last so many programs that differ. To forget one frees nearly nothing, and to compile it again
# takes its memory a second time. Each keeps its model, too: together so many weights at most.
PROGRAMS_KEPT = 64
WEIGHTS_KEPT = PROGRAMS_KEPT * XLA_PARAMETERS

_lenders: OrderedDict[str, Program] = OrderedDict()  # the last used at the end
_lock = threading.Lock()


def lender_for(program: Program, train: Batches, validation: Batches | None) -> Program | None:
    """Return a program of an equal model, whose compiled functions serve this one's variables, too.

    Equal are two if Keras's training step and test step, traced on such batches, come to the same
    graph over variables of the same kinds, so that whatever an architecture, an optimizer, a loss
    or a metric puts into a step is compared as it is computed. None of them may be somebody's own.
    Where there is none, this program is kept as a lender for later ones, the last
    `PROGRAMS_KEPT` (64) of them, or fewer of large models.
    """
    if not (program.xla and program.reports_metrics and is_all_kerass_own(program.model)):
        return None
    key = _key(program, train, validation)
    if key is None:
        return None
    with _lock:
        lender = _lenders.setdefault(key, program)
        _lenders.move_to_end(key)
        while len(_lenders) > 1 and (len(_lenders) > PROGRAMS_KEPT or _weights() > WEIGHTS_KEPT):
            _lenders.popitem(last=False)
    return None if lender is program else lender


def _weights() -> int:
    return sum(lender.model.count_params() for lender in _lenders.values())


def handles(program: Program) -> list[Any]:
    """Return what TensorFlow knows each variable of a program by; equal ones have them in order."""
    found = [variable.value.handle for variable in program.state.variables]
    return found + [each.handle for each in (program.rates.variables if program.rates else [])]


def _key(program: Program, train: Batches, validation: Batches | None) -> str | None:
    model = program.model
    places = {id(handle): place for place, handle in enumerate(handles(program))}
    steps = [(model.train_step, train), (model.test_step, validation)]
    parts: list[Any] = [
        model.jit_compile,
        keras.tree.map_structure(str, model.get_metrics_result()),
    ]
    parts += [(type(metric), metric.name) for metric in model.metrics]
    parts += [(v.shape, v.dtype, v.trainable) for v in program.state.variables]
    for step, batches in steps:
        if batches is None:
            continue
        traced = program.traced(step, batches)
        captured = [places.get(id(handle)) for handle in traced.captured_inputs]
        graph = traced.graph.as_graph_def()
        if None in captured or graph.library.function:  # these have names that count on
            return None
        parts += [captured, _with_plain_names(graph, traced.outputs)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _with_plain_names(graph: Any, outputs: Any) -> tuple[bytes, list[str]]:
    """Name the nodes of a graph by their places: Keras counts on from one optimizer to the next."""
    places: Mapping[str, str] = {node.name: str(i) for i, node in enumerate(graph.node)}

    def plain(name: str) -> str:
        return re.sub(r"^(\^?)([^:]+)", lambda found: found[1] + places[found[2]], name)

    results = [plain(tensor.name) for tensor in outputs]
    for node in graph.node:
        node.name = places[node.name]
        node.input[:] = map(plain, node.input)
        for of_a_name in ("_gradient_op_type", "_class"):
            node.attr.pop(of_a_name, None)
    return graph.SerializeToString(deterministic=True), results

# SPDX-License-Identifier: Apache-2.0
"""q-share-weights and the search, on a small trained-like network."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.precision.specification import Bound, Measure, SharingGranularity
from qopt_mlir.passes.accuracy_evaluation import Evaluator
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.remarks import collected_remarks
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.passes.sharing_designs import Design, best_of, pareto
from qopt_mlir.passes.sharing_plans import SharingPlan
from qopt_mlir.passes.sharing_search import SharingSearch
from qopt_mlir.passes.weight_groups import group_axes, grouped_weights, shared_weights
from qopt_mlir.passes.weight_sensitivity import products, sensitivities
from qopt_mlir.passes.weighted_layers import set_weights, weighted_layers
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import IntRange
from qopt_mlir.qdialect.q import AddOp, ConstantOp, ConvOp, MatMulOp, MulOp, QuantizeOp, ReluOp, ReshapeOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, new_context, parse_module
from qopt_mlir.qdialect.types import FixedType, RealType, SharedType, UFixedType, element_type, unshared
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue

CHANNELS, SIZE, CLASSES = 3, 5, 4


def constant(values: np.ndarray, type_: Attribute) -> SSAValue:
    return ConstantOp(DenseAttr(values, TensorType(type_, values.shape))).result


def convolved(x: SSAValue, weights: SSAValue, groups: int) -> SSAValue:
    return ConvOp(x, weights, (1, 1), (0, 0, 0, 0), (1, 1), groups).result


def rescaled(x: SSAValue, factor: str) -> SSAValue:
    scale = np.full((), Fraction(factor), object)
    real = ReluOp(MulOp(x, constant(scale, RealType())).result).result
    return QuantizeOp(real, UFixedType(6, 0)).result


def network(seed: int = 0) -> ModuleOp:
    """A convolution, a depthwise one and a product, with 8-bit weights like a bell."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> SSAValue:
        return constant(np.clip(np.rint(rng.normal(0, 40, shape)), -128, 127).astype(int), FixedType(8))

    main = FuncOp("main", ([TensorType(FixedType(5), (1, 2, SIZE, SIZE))], []))
    with ImplicitBuilder(main.body) as (x,):
        x = rescaled(convolved(x, weights(CHANNELS, 2, 3, 3), 1), "1/50")
        x = rescaled(convolved(x, weights(CHANNELS, 1, 3, 3), CHANNELS), "1/60")
        x = ReshapeOp(x, (1, CHANNELS)).result
        x = MatMulOp(x, weights(CHANNELS, CLASSES)).result
        ReturnOp(AddOp(x, constant(np.arange(CLASSES), FixedType(4))).result)
    main.update_function_type()
    module = ModuleOp([main])
    module.verify()
    return module


def frames(count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(-16, 16, (count, 1, 2, SIZE, SIZE))


def outputs(module: ModuleOp) -> np.ndarray:
    return np.asarray(compile_function(module).run_codes({0: frames()})[0])


def shared(options: str, module: ModuleOp | None = None) -> ModuleOp:
    module = network() if module is None else module
    run_passes(new_context(), module, parse_passes(f"q-share-weights{{{options}}}"))
    return module


@pytest.mark.parametrize("granularity", list(SharingGranularity))
def test_as_many_values_as_there_are_change_nothing(granularity: SharingGranularity) -> None:
    assert np.array_equal(outputs(shared(f"k=256 granularity={granularity}")), outputs(network()))


@pytest.mark.parametrize("granularity", list(SharingGranularity))
def test_groups_hold_k_values_and_lowering_keeps_every_bit(granularity: SharingGranularity) -> None:
    module = shared(f"k=3 granularity={granularity}")
    before = outputs(module)
    seen: set[int] = set()
    for layer, axes in zip(weighted_layers(module), AXES[granularity], strict=True):
        assert group_axes(layer, granularity) == axes
        rows = grouped_weights([layer], granularity)[layer].rows
        assert max(len(np.unique(row)) for row in rows) <= 3
        assert isinstance(layer.weights.type.element_type, SharedType)
        seen |= set(layer.weights.array.reshape(-1).tolist())
    assert (len(seen) <= 3) == (granularity is SharingGranularity.NETWORK)
    text = module_text(module)
    run_passes(new_context(), module, parse_passes(f"{to_typed()},q-to-dataflow"))
    assert np.array_equal(outputs(module), before)
    assert "!q.shared<3" in module_text(module)
    assert module_text(shared(f"k=3 granularity={granularity}")) == text


AXES: dict[SharingGranularity, list[tuple[int, ...]]] = {
    SharingGranularity.NETWORK: [(), (), ()],
    SharingGranularity.LAYER: [(), (), ()],
    SharingGranularity.CHANNEL: [(0,), (0,), (1,)],
    SharingGranularity.KERNEL: [(0, 1), (0,), (1,)],
}


def test_more_values_are_nearer() -> None:
    errors = [np.abs(outputs(shared(f"k={k}")) - outputs(network())).mean() for k in (1, 4, 32)]
    assert errors[0] > errors[1] > errors[2] > 0


def test_data_gives_accuracy_and_weights_of_errors(tmp_path: Path) -> None:
    labels = outputs(network()).reshape(len(frames()), -1).argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=frames(), y=labels)
    options = f'k=4 weighting=inputs data="{tmp_path}/data.npz" frames=x labels=y'
    with collected_remarks() as remarks:
        shared(options)
    (scores,) = [text for text in remarks if "accuracy" in text]
    assert "accuracy 100.00 % -> " in scores
    assert sum("8-bit" in text or "share 4 values" in text for text in remarks) == 3


def test_a_specification_says_what_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_text(
        "layers depthwise { share = 2 per channel }\nlayers matmul { share = 3 per layer codebook fixed<6> }"
    )
    layers = weighted_layers(shared(f'specification="{path}"'))
    types = [layer.weights.type.element_type for layer in layers]
    assert types == [FixedType(8), SharedType(2, FixedType(8)), SharedType(3, FixedType(8))]
    assert not (layers[2].weights.array % 4).any(), "six bits over the range of eight"


def test_remarks_count_the_bits_of_the_weights_as_they_were() -> None:
    with collected_remarks() as remarks:
        shared('k=4 format="fixed<6>" layers=conv')
    (text,) = remarks
    count = CHANNELS * 2 * 9
    assert f"{count * 8} bits become {count * 2 + 4 * 8}" in text


@pytest.mark.parametrize(("pattern", "found"), [("Conv_1", True), ("Act*", True), ("Act", False), ("matmul", True)])
def test_layers_are_known_by_all_their_nodes(pattern: str, found: bool) -> None:
    text = """func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.fixed<4, 0>> {
      %w = q.constant #q.dense<[[7], [-3]] : tensor<2x1x!q.fixed<4, 0>>>
      %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<8, 0>>
          loc("Conv_1")
      %z = q.relu %y : tensor<1x1x!q.fixed<8, 0>> -> tensor<1x1x!q.ufixed<7, 0>> loc("Act_1")
      %q = q.quantize %z half_even saturate : tensor<1x1x!q.ufixed<7, 0>> -> tensor<1x1x!q.fixed<4, 0>>
      func.return %q : tensor<1x1x!q.fixed<4, 0>>
    }"""
    if not found:
        with pytest.raises(QoptError, match=f"no layer with weights is called '{pattern}'"):
            shared(f'k=1 layers="{pattern}"', parse_module(text, "text"))
        return
    module = shared(f'k=1 layers="{pattern}"', parse_module(text, "text"))
    assert isinstance(weighted_layers(module)[0].weights.type.element_type, SharedType)


def test_weights_behind_quantizers_are_shared() -> None:
    """As q-quantize and the import of a quantised network leave them."""
    text = """func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.fixed<8, 2>> {
      %f = q.constant #q.dense<[[0.5], [-0.25]] : tensor<2x1xf32>>
      %w = q.quantize %f half_even saturate : tensor<2x1xf32> -> tensor<2x1x!q.fixed<4, 2>>
      %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 2>> -> tensor<1x1x!q.fixed<8, 2>>
      func.return %y : tensor<1x1x!q.fixed<8, 2>>
    }"""
    (layer,) = weighted_layers(shared("k=1", parse_module(text, "text")))
    assert layer.weights.type.element_type == SharedType(1, FixedType(4, 2))
    with collected_remarks() as remarks:
        shared(
            "k=1",
            parse_module(
                "func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {\n func.return %x : tensor<1xf32>\n}", "text"
            ),
        )
    assert any("no layer has weights to share" in text for text in remarks)


@pytest.mark.parametrize("granularity", list(SharingGranularity))
def test_a_codebook_has_the_type_of_its_format_where_weights_are_scaled(granularity: SharingGranularity) -> None:
    codes = np.random.default_rng(4).integers(-128, 128, (6, 4)).tolist()
    text = f"""
!x = tensor<1x6x!q.fixed<5, 0>>
func.func @main(%x: !x) -> tensor<1x4x!q.real> {{
  %w = q.constant #q.dense<{codes} : tensor<6x4x!q.fixed<8, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %r = q.mul %w, %s : tensor<6x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<6x4x!q.real>
  %y = q.matmul %x, %r : !x, tensor<6x4x!q.real> -> tensor<1x4x!q.real>
  func.return %y : tensor<1x4x!q.real>
}}"""
    with collected_remarks() as remarks:
        module = shared(f'k=3 granularity={granularity} format="fixed<6>"', parse_module(text, "text"))
    (layer,) = weighted_layers(module)
    type_ = layer.weights.type.element_type
    assert isinstance(type_, SharedType)
    assert type_.value_type == FixedType(6, -2)
    change = np.abs(layer.weights.array * 4 - np.array(codes))
    assert 4 < change.max() < 100, "quanta of four, near the weights"
    groups = grouped_weights([layer], granularity)[layer]
    assert any("share 3 values: " in text and f"become {groups.bits(layer.weights)}" in text for text in remarks)


def test_a_format_of_a_codebook_leaves_nothing_to_choose() -> None:
    for text in ("fixed<2..6>", "fixed<4> per channel", "e4m3"):
        with pytest.raises(QoptError, match="a codebook has the scale of the weights"):
            shared(f'k=4 format="{text}"')


def test_a_range_and_a_bound_choose_the_numbers_of_values(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=frames(), y=outputs_of(network(), 40))
    path = tmp_path / "net.spec"
    text = 'data { file = "data.npz"; calibration = x labels y }\nlayers conv, matmul { share = 2..16 per channel }\n'
    path.write_text(f"{text}rounding = reconstruct\nbound = accuracy drop 5 %\n")
    with collected_remarks() as remarks:
        module = shared(f'specification="{path}"')
    kept = [isinstance(layer.weights.type.element_type, SharedType) for layer in weighted_layers(module)]
    assert not kept[1], "the depthwise layer is not asked for"
    assert any(kept)
    assert np.mean(outputs(module).reshape(40, -1).argmax(axis=1) == outputs_of(network(), 40)) >= 0.95
    assert any(" runs, " in text for text in remarks)
    path.write_text(text)
    with pytest.raises(QoptError, match="no bound and data to choose by"):
        shared(f'specification="{path}"')


@pytest.mark.parametrize("granularity", list(SharingGranularity))
def test_reconstruction_changes_sums_less(granularity: SharingGranularity, tmp_path: Path) -> None:
    module = network()
    layer = weighted_layers(module)[0]
    alike = np.clip(frames().mean(axis=(2, 3, 4), keepdims=True) * 6 + frames() // 6, -16, 15).astype(int)
    groups = grouped_weights([layer], granularity, products=products(module, [layer], alike))
    nearest = {layer: replace(groups[layer], products=None)}
    (new,), (old,) = (shared_weights(weights, granularity, [4]) for weights in (groups, nearest))
    if not group_axes(layer, granularity):  # else too few weights have one codebook to make up for each other
        assert groups[layer].error(new[layer]) < 0.1 * groups[layer].error(old[layer])
    books = [set(row.tolist()) for row in replace(groups[layer], weights=old[layer]).rows]
    rows = replace(groups[layer], weights=new[layer]).rows
    assert all(set(row.tolist()) <= book for row, book in zip(rows, books, strict=True))
    np.save(tmp_path / "x.npy", frames())
    identical = shared(f'k=256 granularity={granularity} rounding=reconstruct data="{tmp_path}/x.npy"')
    assert np.array_equal(outputs(identical), outputs(network()))


def test_moments_are_those_of_the_inputs_that_make_the_sums() -> None:
    module = network()
    layers = weighted_layers(module)
    traced: dict[str, np.ndarray] = {}
    compile_function(module).run_codes({0: frames()}, lambda op, codes: traced.update({op.name: codes[0]}))
    inputs = traced["q.reshape"].reshape(len(frames()), CHANNELS).astype(float)
    found = products(module, layers, frames())[layers[2]]
    change = np.random.default_rng(5).normal(size=(CHANNELS, CLASSES))
    assert found.error(change) == pytest.approx(((inputs @ change) ** 2).sum(axis=1).mean())
    assert np.allclose(found.sensitivity(), (inputs**2).mean(axis=0)[:, None])


def test_a_network_has_one_codebook_or_says_why_not() -> None:
    def types(first: FixedType, second: FixedType) -> list[Attribute]:
        module = network()
        layers = weighted_layers(module)
        for layer, type_ in zip(layers, (first, second), strict=False):
            codes = np.clip(layer.weights.array, -(1 << type_.bitwidth - 1), (1 << type_.bitwidth - 1) - 1)
            set_weights(module, {layer.constant: DenseAttr(codes, TensorType(type_, codes.shape))})
        found = weighted_layers(shared("k=3 granularity=network", module))
        assert len({code for layer in found for code in np.unique(layer.weights.array).tolist()}) <= 3
        return [unshared(layer.weights.type.element_type) for layer in found]

    assert types(FixedType(4), FixedType(6)) == [FixedType(8)] * 3
    with pytest.raises(QoptError, match=r"of !q.fixed<8, 3> .* and of !q.fixed<8, 0> cannot share one codebook"):
        types(FixedType(8, 3), FixedType(8))


def test_one_codebook_of_two_grids_is_shown_in_the_specification(tmp_path: Path) -> None:
    module, path = network(), tmp_path / "net.spec"
    first = weighted_layers(module)[0]
    codes = first.weights.array
    set_weights(module, {first.constant: DenseAttr(codes, TensorType(FixedType(8, 3), codes.shape))})
    path.write_text('layers "*" { share = 3 per network }')
    with pytest.raises(QoptError, match="cannot share one codebook") as caught:
        shared(f'specification="{path}"', module)
    assert caught.value.where == f"{path}:1:14"


def test_errors_weigh_what_they_multiply() -> None:
    module = network()
    layers = weighted_layers(module)
    found = sensitivities(module, layers, frames())
    assert [found[layer].shape for layer in layers] == [layer.weights.array.shape for layer in layers]
    squares = (frames().astype(float) ** 2).mean(axis=(0, 1, 3, 4))
    assert np.allclose(found[layers[0]], squares[None, :, None, None])
    traced: dict[str, np.ndarray] = {}
    compile_function(module).run_codes({0: frames()}, lambda op, codes: traced.update({op.name: codes[0]}))
    assert np.allclose(found[layers[2]], (traced["q.reshape"].astype(float) ** 2).mean(axis=(0, 1))[:, None])


def searched(module: ModuleOp, granularity: SharingGranularity, calibration: np.ndarray | None) -> SharingSearch:
    evaluator = Evaluator(frames(200), outputs_of(module, 200))
    plans = dict.fromkeys(weighted_layers(module), SharingPlan(IntRange(2, 64), granularity))
    return SharingSearch(module, evaluator, plans, calibration)


@pytest.mark.parametrize("reconstruct", [False, True])
@pytest.mark.parametrize("granularity", [SharingGranularity.LAYER, SharingGranularity.NETWORK])
def test_search_holds_the_bound_with_fewer_bits(granularity: SharingGranularity, reconstruct: bool) -> None:
    module = network()
    search = searched(module, granularity, frames(100) if reconstruct else None)
    bound = Bound(Measure.ACCURACY, Fraction(5))
    found = search.smallest([bound])
    assert found.accuracy is not None
    assert search.baseline_accuracy == 100
    assert found.accuracy >= 95
    assert found.bits < search.score(search.nothing).bits
    alone = Evaluator(frames(200), outputs_of(module, 200))
    assert alone.accuracy(search.shared(found.counts)) == found.accuracy
    assert search.score(found.counts).bits == found.bits
    uniform = search.uniform([bound])
    assert uniform is not None
    assert uniform.holds([bound])
    assert len(set(uniform.counts)) == 1
    assert found.bits <= uniform.bits
    assert [d.bits for d in search.predicted()] == sorted(d.bits for d in search.predicted())


def outputs_of(module: ModuleOp, count: int) -> np.ndarray:
    return np.asarray(compile_function(module).run_codes({0: frames(count)})[0]).reshape(count, -1).argmax(axis=1)


def test_fronts_keep_what_is_not_beaten() -> None:
    designs = [
        Design((1,), 10, 0.5, 80),
        Design((2,), 20, 0.6, 79),
        Design((3,), 30, 0.1, 90),
        Design((4,), 30, 0.2, 95),
    ]
    assert [d.counts for d in pareto(designs)] == [(1,), (3,)]
    assert [d.counts for d in best_of(designs)] == [(1,), (4,)]


def test_real_constants_are_no_weights() -> None:
    module = shared("k=2")
    types = [element_type(op.result) for op in module.walk() if isinstance(op, ConstantOp)]
    assert types.count(RealType()) == 2
    assert types.count(FixedType(4)) == 1

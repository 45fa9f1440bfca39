"""Three vector operations that Numba does not find by itself, as LLVM's generic vectors.

No processor is named: LLVM splits a vector into whatever registers there are.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from app.rank.trees.bins import NEAR

LANES = 128
"""Rows scored together. 64 halves the work of a short list and a third is lost on a long one."""

ALIGNED = 64
"""Bytes: a tile that begins anywhere else costs a third more, for a load may cross a cache line."""

_I8, _I32, _I64 = (ir.IntType(bits) for bits in (8, 32, 64))
_BYTES = ir.VectorType(_I8, LANES)
_WORDS = ir.VectorType(_I32, LANES // 4)
_AT_ONCE = LANES // 2  # values whose counts stay in registers


@intrinsic
def count_heads(typing: Any, heads: Any, start: Any, end: Any, values: Any, counts: Any) -> Any:
    """Count for each row which of heads[start:end] are below its value: counts[i] (int32)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = ir.VectorType(ir.FloatType(), _AT_ONCE)
        numbers = ir.VectorType(_I32, _AT_ONCE)
        every, source, target = (
            _data(context, builder, signature, arguments, i) for i in (0, 3, 4)
        )
        count = cgutils.alloca_once(builder, numbers)
        one = ir.Constant(_I64, 1)
        for first in range(0, LANES, _AT_ONCE):
            at = [ir.Constant(_I64, first)]
            value = builder.bitcast(builder.gep(source, at), rows.as_pointer())
            value = builder.load(value, align=4, typ=rows)
            builder.store(ir.Constant(numbers, [0] * _AT_ONCE), count)
            with cgutils.for_range_slice(builder, *arguments[1:3], one, _I64) as (step, _):
                head = builder.load(builder.gep(every, [step]), typ=ir.FloatType())
                below = builder.fcmp_ordered("<", _splat(builder, head, rows), value)
                more = builder.sub(builder.load(count, typ=numbers), builder.sext(below, numbers))
                builder.store(more, count)
            place = builder.bitcast(builder.gep(target, at), numbers.as_pointer())
            builder.store(builder.load(count, typ=numbers), place).align = 4
        return context.get_dummy_value()

    return types.void(heads, start, end, values, counts), emit


@intrinsic
def count_below(typing: Any, thresholds: Any, offset: Any, value: Any) -> Any:
    """Count which of thresholds[offset:offset + NEAR] are below the value: one comparison."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        eight = ir.VectorType(ir.FloatType(), NEAR)
        start = builder.gep(_data(context, builder, signature, arguments, 0), [arguments[1]])
        near = builder.load(builder.bitcast(start, eight.as_pointer()), align=4, typ=eight)
        below = builder.fcmp_ordered("<", near, _splat(builder, arguments[2], eight))
        bits = builder.zext(builder.bitcast(below, ir.IntType(NEAR)), _I32)
        count = builder.module.declare_intrinsic("llvm.ctpop", [_I32])
        return builder.zext(builder.call(count, [bits]), _I64)

    return types.int64(thresholds, offset, value), emit


@intrinsic
def exit_leaves(
    typing: Any,
    tile: Any,
    operations: Any,
    bounds: Any,
    first: Any,
    planes: Any,
    out: Any,
    at: Any,
) -> Any:
    """Find each row's leaf in one tree: out[at:at + LANES] (uint8).

    For each byte of leaves, from the last to the first: all bits set, cleared by its operations
    (`bounds[first + byte]` and on) in the rows whose bin in `tile` is above. The byte stays in
    registers. The first that is not empty holds the leaf, its lowest bit. `tile` must begin at a
    multiple of ALIGNED bytes.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = builder.bitcast(_data(context, builder, signature, arguments, 0), _I8.as_pointer())
        steps, ends = (_data(context, builder, signature, arguments, i) for i in (1, 2))
        count = arguments[4]
        left, base, alive = (cgutils.alloca_once(builder, _BYTES) for _ in range(3))
        builder.store(_filled(-1), left)
        builder.store(_filled(0), base)
        with cgutils.for_range(builder, count) as loop:
            plane = builder.sub(builder.sub(count, ir.Constant(_I64, 1)), loop.index)
            place = builder.add(arguments[3], plane)
            start, end = (
                builder.sext(builder.load(builder.gep(ends, [p]), typ=_I32), _I64)
                for p in (place, builder.add(place, ir.Constant(_I64, 1)))
            )
            builder.store(_filled(-1), alive)
            one, words = ir.Constant(_I64, 1), ir.Constant(_I64, 3)
            with cgutils.for_range_slice(builder, start, end, one, _I64) as (step, _):
                _clear(builder, rows, builder.gep(steps, [builder.mul(step, words)]), alive)
            _keep_if_any(builder, plane, alive, left, base)
        leaf = _lowest_bit(builder, builder.load(left, typ=_BYTES))
        leaf = builder.add(leaf, builder.load(base, typ=_BYTES))
        target = builder.gep(
            builder.bitcast(_data(context, builder, signature, arguments, 5), _I8.as_pointer()),
            [arguments[6]],
        )
        builder.store(leaf, builder.bitcast(target, _BYTES.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(tile, operations, bounds, first, planes, out, at), emit


def _clear(builder: Any, rows: Any, operation: Any, alive: Any) -> None:
    """Alive &= bins of the operation's column > its threshold ? what it keeps : all."""
    words = [
        builder.load(builder.gep(operation, [ir.Constant(_I64, i)]), typ=_I32) for i in range(3)
    ]
    threshold, kept = (builder.bitcast(_splat(builder, w, _WORDS), _BYTES) for w in words[1:])
    column = builder.gep(rows, [builder.zext(words[0], _I64)])
    bins = builder.load(builder.bitcast(column, _BYTES.as_pointer()), align=ALIGNED, typ=_BYTES)
    above = builder.icmp_signed(">", bins, threshold)
    before = builder.load(alive, typ=_BYTES)
    builder.store(builder.select(above, builder.and_(before, kept), before), alive)


def _keep_if_any(builder: Any, plane: Any, alive: Any, left: Any, base: Any) -> None:
    """Where a leaf of this byte is left, it comes before all that were found in later bytes."""
    found = builder.load(alive, typ=_BYTES)
    none = builder.icmp_signed("==", found, _filled(0))
    builder.store(builder.select(none, builder.load(left, typ=_BYTES), found), left)
    number = builder.trunc(builder.shl(plane, ir.Constant(_I64, 3)), _I8)
    number = _splat(builder, number, _BYTES)
    builder.store(builder.select(none, builder.load(base, typ=_BYTES), number), base)


def _lowest_bit(builder: Any, bytes_: Any) -> Any:
    name = f"llvm.cttz.v{LANES}i8"
    signature = ir.FunctionType(_BYTES, [_BYTES, ir.IntType(1)])
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, [bytes_, ir.Constant(ir.IntType(1), 1)])


def _filled(byte: int) -> Any:
    return ir.Constant(_BYTES, [byte] * LANES)


def _splat(builder: Any, scalar: Any, vector: Any) -> Any:
    """Return a vector that holds the scalar in every place."""
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, nothing, zeros)


def _data(context: Any, builder: Any, signature: Any, arguments: Any, i: int) -> Any:
    """Return the pointer to the first element of argument `i`, an array."""
    return context.make_array(signature.args[i])(context, builder, arguments[i]).data

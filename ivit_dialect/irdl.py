"""The dialect as IRDL text, for upstream's tools: ``mlir-opt --irdl-file=ivit.irdl.mlir``.

``python -m ivit_dialect.irdl`` prints it. It says which operands and results (tensors), and which
attributes an op must have; the constraints of ``spec.md`` that go further stay with the verifiers.
Give upstream the generic form with properties as attributes:
``ivit-opt --print-op-generic --print-no-properties``. IRDL cannot say how an attribute is written, so
upstream does not read ``ivit.attention``, which holds an attribute of this dialect: the pass
``decompose-attention`` removes it.
"""

from __future__ import annotations

from io import StringIO

from xdsl.builder import Builder
from xdsl.dialects import irdl
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Dialect, ParametrizedAttribute, Region, SSAValue
from xdsl.irdl import AttributeDef, IRDLOperation, OptionalDef, PropertyDef, VariadicDef
from xdsl.printer import Printer
from xdsl.rewriter import InsertPoint

from ivit_dialect.dialect import Ivit

TENSOR = "!builtin.tensor"
INTEGER = "#builtin.integer"
STRING = "#builtin.string"
ATTRIBUTE_NAMES = ("attribute_value_names", "attributeValueNames")
"""A property of `irdl.attributes`, as xDSL and as upstream spells it."""


def _variadicity(definition: object) -> irdl.VariadicityAttr:
    if isinstance(definition, OptionalDef):
        return irdl.VariadicityAttr.OPTIONAL
    if isinstance(definition, VariadicDef):
        return irdl.VariadicityAttr.VARIADIC
    return irdl.VariadicityAttr.SINGLE


def _operation(op: type[IRDLOperation]) -> irdl.OperationOp:
    definition = op.get_irdl_definition()
    block = Block()
    builder = Builder(InsertPoint.at_end(block))
    for kind, definitions in ((irdl.OperandsOp, definition.operands), (irdl.ResultsOp, definition.results)):
        if definitions:
            tensors = [builder.insert(irdl.BaseOp(TENSOR)).output for _ in definitions]
            variadicities = ArrayAttr(_variadicity(operand) for _, operand in definitions)
            names = ArrayAttr(StringAttr(name) for name, _ in definitions)
            builder.insert(kind(tensors, irdl.VariadicityArrayAttr(variadicities), names))
    required = {
        name: _attribute_constraint(builder, property_)
        for name, property_ in definition.properties.items()
        if not isinstance(property_, OptionalDef)
    }
    required.pop("operandSegmentSizes", None)
    if required:
        builder.insert(irdl.AttributesOp.get(required))
    return irdl.OperationOp(Dialect.split_name(op.name)[1], Region([block]))


def _attribute_constraint(builder: Builder, definition: PropertyDef | AttributeDef) -> SSAValue:
    bases = definition.constr.get_bases() or set[type[Attribute]]()
    for base, name in ((IntegerAttr, INTEGER), (StringAttr, STRING)):
        if bases == {base}:
            return builder.insert(irdl.BaseOp(name)).output
    return builder.insert(irdl.AnyOp()).output


def _attribute(attribute: type[Attribute]) -> irdl.AttributeOp:
    block = Block()
    builder = Builder(InsertPoint.at_end(block))
    names: list[str] = []
    if issubclass(attribute, ParametrizedAttribute):
        names = [name for name, _ in attribute.get_irdl_definition().parameters]
    values = [builder.insert(irdl.BaseOp(INTEGER)).output for _ in names]
    builder.insert(irdl.ParametersOp(values, ArrayAttr(StringAttr(name) for name in names)))
    return irdl.AttributeOp(Dialect.split_name(attribute.name)[1], Region([block]))


def export() -> ModuleOp:
    """The dialect ``ivit`` as a module of one ``irdl.dialect``."""
    block = Block()
    builder = Builder(InsertPoint.at_end(block))
    for attribute in Ivit.attributes:
        builder.insert(_attribute(attribute))
    for op in Ivit.operations:
        assert issubclass(op, IRDLOperation)
        builder.insert(_operation(op))
    return ModuleOp([irdl.DialectOp("ivit", Region([block]))])


def text() -> str:
    """``export()`` in the generic form, which upstream's tools read."""
    stream = StringIO()
    Printer(stream, print_generic_format=True, print_properties_as_attributes=True).print_op(export())
    return stream.getvalue().replace(*ATTRIBUTE_NAMES) + "\n"


if __name__ == "__main__":
    print(text(), end="")

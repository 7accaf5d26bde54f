# SPDX-License-Identifier: Apache-2.0
"""The table of passes: one line each, imported on use."""

PASSES: dict[str, str] = {
    "q-fold-constants": ".fold_constants:FoldConstantsPass",
    "q-set-input-format": ".set_input_format:SetInputFormatPass",
    "q-convert-to-typed": ".convert_to_typed:ConvertToTypedPass",
    "q-lower-batch-norm": ".lower_batch_norm:LowerBatchNormPass",
    "q-lower-sub-div": ".lower_sub_div:LowerSubDivPass",
    "q-collapse-affine": ".collapse_affine:CollapseAffinePass",
    "q-move-affine-past-linear": ".move_affine_past_linear:MoveAffinePastLinearPass",
    "q-partition": ".partition:PartitionPass",
}

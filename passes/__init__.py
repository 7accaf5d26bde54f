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
    "q-lower-top-k": ".lower_top_k:LowerTopKPass",
    "q-infer-ranges": ".infer_ranges:InferRangesPass",
    "q-share-weights": ".share_weights:ShareWeightsPass",
    "q-remove-idle-quantizers": ".remove_idle_quantizers:RemoveIdleQuantizersPass",
    "q-check-ranges": ".check_ranges:CheckRangesPass",
    "q-lower-quantizers-to-thresholds": ".lower_quantizers_to_thresholds:LowerQuantizersToThresholdsPass",
    "q-lower-quantizers-to-multiply-shift": ".lower_quantizers_to_multiply_shift:LowerQuantizersToMultiplyShiftPass",
    "q-lower-quantizers": ".lower_quantizers:LowerQuantizersPass",
    "q-lower-joins": ".lower_joins:LowerJoinsPass",
    "q-lower-conv-transpose": ".lower_conv_transpose:LowerConvTransposePass",
    "q-make-channels-last": ".make_channels_last:MakeChannelsLastPass",
    "q-partition": ".partition:PartitionPass",
    "q-convert-to-dataflow": ".convert_to_dataflow:ConvertToDataflowPass",
    "q-insert-forks": ".insert_forks:InsertForksPass",
    "q-set-folding": ".set_folding:SetFoldingPass",
    "q-insert-width-converters": ".insert_width_converters:InsertWidthConvertersPass",
    "q-insert-fifos": ".insert_fifos:InsertFifosPass",
}

"""The page's running text."""

from collections.abc import Mapping
from typing import Any, Final

from onnx_models.paper.report.trainings import seeds_of

Record = Mapping[str, Any]
PAPER_SIZE: Final = (5, 32)
"""Levels and filters (Section II-A)."""


def introduction(record: Record) -> str:
    """Return what must be known before any number is read."""
    recipe = record["recipe"]
    if record["synthetic"]:
        data = (
            "**Synthetic scenes.** The paper's pictures (HSI-Drive v2.0) are not at hand: all networks here are "
            "trained and judged on drawn scenes with measured reflectance spectra. Patterns and ratios can be "
            "compared with the paper's, absolute values cannot."
        )
    else:
        data = (
            "Pictures of HSI-Drive v2.0: their centre, reduced by averaging blocks of pixels; of each of its splits as "
            "many pictures as the recipe takes."
        )
    return (
        f"{data}\n\nJ. Gutierrez-Zaballa, K. Basterretxea and J. Echanobe, *Designing DNNs for a trade-off between "
        "robustness and processing performance in embedded devices*, train U-Nets with three activation functions, "
        "prune and quantise them, flip single bits of their parameters, and run them on a KV260. This page does the "
        f"same with smaller means: {_networks(recipe)}, pictures of {recipe['height']} x {recipe['width']} (192 x "
        f"384), {recipe['train_scenes']} training "
        f"scenes, {recipe['schedules']['relu']['epochs']} epochs for ReLU and "
        f"{recipe['schedules']['sigmoid']['epochs']} for the others (200 and 1000); every fault is judged on one of "
        f"{recipe['images']} test pictures, in turn."
    )


def _networks(recipe: Record) -> str:
    if (recipe["levels"], recipe["filters"]) == PAPER_SIZE:
        return "U-Nets of the paper's width (5 levels, 32 filters, 31.13 million parameters)"
    return f"U-Nets of {recipe['levels']} levels and {recipe['filters']} filters (the paper: 5 and 32)"


def method(record: Record) -> str:
    """Return how faults were drawn, run and judged."""
    recipe, speed = record["recipe"], record["speed"]
    size = (
        f"{recipe['per_set']} per kind of parameter (the paper: 1550, a margin of 2.5 % at 95 %)"
        if record["margin"] is None
        else f"as many per kind of parameter as a margin of {100 * record['margin']:g} % at 95 % asks for"
    )
    return "\n".join([
        "* **Float faults.** One bit of one float32 parameter of the ONNX model, before batch normalisation is "
        f"folded: kernel, bias, gamma, beta, moving mean, moving variance. {size}, shared evenly among the tensors of "
        "the kind; in a tensor, bit 30 gets 3 of 14 shares, all mantissa bits together another 3, the sign and each "
        "other exponent bit 1. Never fewer than one per tensor and group of bits, never more than there are, without "
        "repetition. As many again are drawn from all stored bits alike. Fault i is a function of the seed "
        f"({recipe['seed']}) and i.",
        "* **Float runs.** onnxruntime with one thread, no optimisation and no packed weights, one piece per "
        "convolution. Every fault is judged on one picture; they take turns. A faulty run begins at the fault's layer "
        "on kept fault-free tensors, skips what no change reaches, and stops where nothing differs any more. "
        + _speed(speed),
        "* **Outcomes.** *Masked*: all logits have the same bits; *NaN* and *infinity*: a logit is not finite (NaN "
        "first); *critical*: all finite, and a pixel's class changes; *tolerable*: none does. A pixel is wrong when "
        "its class changes or a logit of it is not finite, and the error rate is the share of wrong pixels. The paper "
        "does not say what class a pixel of NaN has, but its Figs. 4 and 6 have error rates of bit 30 as high as the "
        "share of values that it turns into NaN, so NaN must count. *NaN a class* is the other reading: the class is "
        "the first largest logit, NaN is largest, and a picture of NaN keeps its pixels of the first class. "
        "onnxruntime's activation functions pass NaN on; its max-pooling drops it in most places of the window, so "
        "that some NaN vanish that another runtime would keep.",
        "* **Int8 faults.** One bit of a stored weight or bias, run bit-exactly; every bit position of every tensor "
        "has its own sample. TFLite-like: int32 biases; DPU-like: power-of-two scales, int8 biases.",
        "* **Limits.** The unit is the fault, not the pixel. Means over strata: the stratified beta method; single "
        "shares: Clopper-Pearson; ratios: percentiles of two-piece normal values with the limits of both means, taken "
        "as independent.",
        "* **Exposure.** Critical bits = bits x share of upsets that make a pixel of a test picture wrong. Float and "
        "int8 parameters lie in a memory all the time: residency 1. In the accelerator's buffers a bit counts while "
        "it is live; upsets of live bits were drawn and run on the compiled program.",
        "* **Protection.** Range limits: the smallest and largest value of every convolution's and activation's "
        "output on the calibration pictures; outside, a value becomes the nearer bound (*clip to bound*) or the lower "
        "one, NaN the lower one. The first quarter of every cell's faults is run again, judged against the protected "
        "network's own fault-free answer. ECC in the mantissa: an extended Hamming code over the upper 26 bits of "
        "every parameter, its 6 check bits in the lowest mantissa bits; every fault of the campaign is put through "
        "it. SECDED on biases: a word per bias.",
    ])  # fmt: skip


def _speed(speed: Record) -> str:
    if not speed:
        return ""
    times = {key: 1e3 * speed[f"{key}_s"] for key in ("reused", "whole", "pieces", "behind", "batched", "opening")}
    return (
        f"On {speed['model']}, {speed['faults']} faults were also run on the whole model with the bit flipped in its "
        f"file: {speed['differing']} differ in any bit of the logits. Mean time of these faults {times['reused']:.1f} "
        f"ms, of a whole run {times['whole']:.1f} ms: {times['whole'] / times['reused']:.1f} times as fast, or "
        f"{(times['whole'] + times['opening']) / times['reused']:.1f} times with the {times['opening']:.1f} ms that "
        "opening a changed model takes. Faults are spread evenly over layers, so on average "
        f"{100 * times['behind'] / times['pieces']:.0f} % of the work lies behind the fault's layer; that part takes "
        f"{times['behind']:.1f} ms without a fault, which is what reuse can come to. All pieces one after the other "
        f"take {times['pieces']:.1f} ms, for their tensors are copied between them. Pictures along the batch axis take "
        f"{times['batched']:.1f} ms each."
    )


def host_time(record: Record) -> str:
    """Say what host time the table has."""
    rest = record["deployment"]["rest_s"]
    return (
        f"Estimates for a {record['deployment']['arch'].upper()} at 300 MHz and pictures of 192 x 384, with the "
        "paper's 32 filters: *our ratios* thins every layer as our own pruning did, *even* thins all alike to the "
        f"paper's operations. The array alone is faster than what was measured; {1e3 * rest:.0f} ms a picture, the "
        "difference in the ReLU row, are taken as host work that all networks share, apart from the host's "
        "activations. Energy and power leave that time out."
    )


def retrained() -> str:
    """Say what the controls are."""
    return (
        "A pruned network has been fine-tuned, so it has had more epochs than the original that Table II compares it "
        "with. The control is the original, unpruned, with the same fine-tuning: epochs, rate and order of pictures. "
        "Global / weighted IoU, and points lost (negative: gained):"
    )


def fine_tuning(record: Record) -> str:
    """Say which settings of quantisation are harder than the two schemes."""
    recipe = record["recipe"]
    return (
        "Fast fine-tuning (Section II-C), where a scheme itself costs too much, and on settings of the DPU-like scheme "
        "that lose more by intent. *Ranges of the extremes*: "
        "every scale is the smallest power of two that saturates nothing, instead of the one of least error. *Kernels "
        "of 4 bits*: everything else as it was. *HardSigmoid in Sigmoid's place*: what AMD's quantisers do unless told "
        f"otherwise. Networks that lose more than {recipe['tuned_from_points']:g} % of global or weighted IoU on "
        f"the validation pictures are fine-tuned: layer by layer, {recipe['tuning_steps']} steps on "
        f"{recipe['calibration_scenes']} calibration pictures without labels. Points lost, without to with fine-tuning "
        "(negative: gained):"
    )


def not_covered(record: Record) -> str:
    """Return what the page's numbers do not tell."""
    seeds = seeds_of(record)
    if len(seeds) > 1:
        trainings = (
            f"* {len(seeds)} trainings of every original (seeds {', '.join(map(str, seeds))}), on the same pictures; "
            "one of every pruned network and control. Claims on the originals' IoU and on their error rates over all "
            "parameters and over convolutions look at all seeds; for every other one the limits say what other faults "
            "would give, not what other trainings would."
        )
    else:
        trainings = (
            "* One training per network. Another start value may move an error rate as much as an activation function "
            "does: the limits say what other faults would give, not what other trainings would. "
            f"`--repeats {record['recipe'].get('repeats') or 2}` trains the originals from as many more seeds, after "
            "which this page compares all of them."
        )
    recipe = record["recipe"]
    smaller = "" if (recipe["levels"], recipe["filters"]) == PAPER_SIZE else ", smaller networks"
    return (
        f"{trainings}\n* Other and smaller pictures, fewer of them, shorter training{smaller}: absolute error rates "
        "and IoU are not the paper's. Faults are judged on few test pictures, and the limits do not cover the choice "
        f"of pictures.\n{LIMITS}"
    )


LIMITS: Final = "\n".join([
    "* The paper does not say whether its 1550 faults are per kind of parameter or per tensor, nor how NaN turns into "
    "a class; its figures have no numbers. Where it says nothing, this page takes what is written above.",
    "* The samples of different networks are compared as if independent; the originals share the places of their "
    "faults, which makes the limits of their ratios too wide rather than too narrow.",
    "* About 30 claims are tested, each on its own at 95 %: one or two of their comparisons may come out clear by "
    "chance.",
    "* Prices of power and host work in the deployment table are unverified, and the Sigmoid's host price comes from "
    "the paper's own row.",
    "* Upsets of several bits, of configuration memory and of logic are not here.",
])  # fmt: skip

"""The prose of the study's page; `$names` stand for what the data say."""

from string import Template
from typing import Final

PAGE: Final = Template("""# Does pruning make an accelerator fail more often?

<!-- written by $command --step page; do not edit -->

$answer

## The question

Gutierrez-Zaballa et al., *Designing DNNs for a trade-off between robustness and processing performance in embedded
devices*, find that a bit flip in a pruned U-Net changes more predictions than in the original, and leave open what that
means for a device, which strikes a smaller network less often. Here both factors are put together:

```text
failures per 10^9 h  = upsets of live bits per 10^9 h  x  error rate per upset of a live bit
upsets of live bits  = bits  x  live fraction  x  upset rate of the memory's technology
```

([where each factor comes from](../fit.md)). An error is, as there, a pixel whose class changes. A bit is live from its
writing to its last reading.

## The networks

U-Nets of four levels for 25-band images of $height x $width pixels, channels scaled by 1, 0.71 and 0.5. Each is
trained from its own start values (nothing is cut out of a trained network) on the same $windows windows of synthetic
scenes for $epochs epochs, quantised to int8, and scored on $test_scenes other scenes.

$networks

## Failures

![Failures per 10^9 h of every network and accelerator](pruning_and_failure_rate-failures.svg)

Upper row: inferences follow each other without a pause. Lower row: $fps images/s; between two inferences the buffers
hold nothing that is still to be read. Thick bars: 95 % limits of the sampling; thin bars: of sampling and upset rates
together. A wrong upset rate moves all points of a picture by one factor (two factors on b4096), so compare networks
by the thick bars, and by the ratios below, in which the rates' error is common to both.

$failures

Upsets and failures are per 10^9 h (FIT), New York at sea level, in block RAM and UltraRAM; in brackets 95 % limits, of
the error rates from sampling, of the failures from sampling and upset rates. Elsewhere both are larger by the flux
ratio: $places (all unverified, [places](../fit.md#places)).

## Why

![Error rate per upset against upsets of live bits](pruning_and_failure_rate-product.svg)

Without a pause; bars are 95 % limits of the sampling. Along a dotted line the product is the same.

$weights

$reasons

## What the networks cost

Cycles of the compiled program on the accelerator alone; energy from a table of unverified prices
([performance model](../performance_model.md#energy)).

$cost

## The rate of UltraRAM

![Failures over the assumed rate of UltraRAM](pruning_and_failure_rate-uram.svg)

No figure for UltraRAM is at hand; the tables above take $uram_over_bram times the rate of block RAM, as the command
was told. It matters on $placed_arch only ($placed_reason); the other two fit the device's block RAM. Failures on
$placed_arch without a pause:

$uram

## Memories without a rate

Activation tables and requantisation parameters are LUT RAM; feature maps, constants and instructions lie in DDR. No
upset rate of either is at hand, so they are not in the failures above. The table has what a rate must be multiplied
with: the bits that would change a pixel at a given moment, on average over an inference, in Mbit (2^20). FIT = this
number x FIT/Mbit of the technology. LUT RAM and DDR are from $other_faults faults a memory: read one digit.

$others

## How it was computed

* Faults: one bit of one memory at one cycle while it is live, drawn with equal chances for every live bit and cycle of
  the memory, run to the end on the accelerator's program, on $images scenes. $faults faults in image and in weight
  memory of each network on each accelerator, $other_faults in every other memory. Margins asked for beforehand, at
  95 %: $margins.
* Upset rates, per Mbit and 10^9 h: $rates
* Device $device, `$environment`. Placement: $placement.
* Limits: every error rate is a two-piece normal between its exact limits, every upset rate one in its logarithm, common
  to all networks; 20,000 draws ([interval](../fit.md#the-interval)).
* Every inference loads its weights and features anew; nothing in the buffers outlives it.

## What it does not cover

* Configuration memory, control logic, flip-flops, the processor system, DDR and LUT RAM are not in the failures; a real
  device fails more often ([plausibility](../fit.md#plausibility)). ECC would remove most of what is shown here.
* Absolute figures rest on one unverified rate and one assumed one. Ratios between networks on one accelerator do not,
  except on $placed_arch, where two technologies mix.
* Small networks, small synthetic images, one training each: another start value may shift an error rate as much
  as pruning does. The paper's original has 31 million parameters and 34.6 GOP; it is pruned layer by layer by
  sensitivity and fine-tuned, on real images of four times as many pixels. Other widths go into
  `onnx_models/study/variants.py`.
* An error is one changed pixel in one image. Errors that matter for a driver are rarer.
* Cycles and live times are those of this project's compiler and machine, not of AMD's.
* Upsets of several bits are not drawn.

## Once more

```bash
$command
```

goes on where it was stopped; `--quick` tries everything in some minutes, `--size full` takes 1537 faults a memory. It
trains networks that are not in `docs/studies/models` (needs the `[train]` extra), runs the campaigns (seed $seed), and
writes [the data](pruning_and_failure_rate.json), [a table of all memories](pruning_and_failure_rate.csv), the figures
and this page. [The notebook](pruning_and_failure_rate.ipynb) loads the data and draws the first figure again. Made
with $versions. """)

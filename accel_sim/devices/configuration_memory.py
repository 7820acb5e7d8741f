"""The term of the configuration memory: a vendor's rule of thumb, not a simulation, and therefore listed apart."""

from dataclasses import dataclass

from accel_sim.devices.device import Device
from accel_sim.devices.environment import Environment
from accel_sim.devices.rates import RateTable

DVF_TYPICAL, DVF_WORST = 0.05, 0.10
DVF_SOURCE = "AMD UG116, SEU and Soft Error Rate Measurements: 5 % typical, never more than 10 %"


@dataclass(frozen=True)
class ConfigurationTerm:
    """Failures from configuration upsets: ``bits * FIT/bit * flux ratio * DVF``.

    Parameters
    ----------
    bits : int or None
        Configuration bits; None when unknown.
    upper_bound : bool
        The bits are the length of a bitstream, which is more than the configuration memory has.
    raw_fit, typical_fit, worst_fit : float or None
        Upsets per 10^9 h, and failures at a device vulnerability factor of 5 % and of 10 %; None when unknown.
    description : str
        What the figure is and is not.
    """

    bits: int | None
    upper_bound: bool
    raw_fit: float | None
    typical_fit: float | None
    worst_fit: float | None
    description: str


def configuration_term(
    device: Device, rates: RateTable, environment: Environment, cram_bits: int | None = None
) -> ConfigurationTerm:
    """Return the term of a device's configuration memory.

    Parameters
    ----------
    device : Device
    rates : RateTable
    environment : Environment
    cram_bits : int, optional
        Configuration bits (Vivado prints them with the essential bits); those of the device, or the length of its
        bitstream as an upper bound, when left out.
    """
    bits = cram_bits or device.cram_bits
    upper = bits is None
    bits = bits or device.bitstream_bits
    rate = rates.rates.get("cram")
    text = (
        f"configuration memory, not simulated: bits x FIT x device vulnerability factor, an upset staying until it is "
        f"scrubbed ({DVF_SOURCE})"
    )
    if bits is None:
        why = f"the number of configuration bits of {device.name} is unknown; give it (Vivado prints it)"
        return ConfigurationTerm(None, False, None, None, None, f"{text}; {why}")
    if rate is None:
        return ConfigurationTerm(bits, upper, None, None, None, f"{text}; {rates.advice('cram')}")
    if upper:
        text += "; the bits are the length of a bitstream, an upper bound"
    if not rate.verified:
        text += f"; the rate is unverified: {rate.source}"
    raw = bits * rate.fit_per_bit * rate.factor(environment)
    return ConfigurationTerm(bits, upper, raw, raw * DVF_TYPICAL, raw * DVF_WORST, text)

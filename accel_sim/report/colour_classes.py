"""The steps of the heat map's scale: fixed, so that the same colour means the same share in every report."""

# Upper ends (shares): exactly zero, then above it up to the next end, and so on.
BINS = (0.0, 0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 1.0)


def colour_class(share: float) -> int:
    """Return the number of the colour class, 0 for exactly zero to 7."""
    return next(i for i, end in enumerate(BINS) if share <= end)

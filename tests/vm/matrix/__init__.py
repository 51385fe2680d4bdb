"""Deaths and stalls of all kinds, each with the verdict it must get; the rules of other tools are asked about the same ones."""

"""What symptoms that only say "it does not learn" ask for, whatever the cause."""

NOT_LEARNING = (
    *("learning-rate", "swap-activation", "optimizer", "initializer", "add-normalization", "scale-inputs"),
    *("simplify-architecture", "less-dropout", "batchnorm-momentum", "clip-gradients"),
)
"""Most wanted first; the learning rate has nothing to act on where it is the usual one."""

"""Live runs of others, of any framework, watched through the metrics that they log.

`watch` looks once, `follow` goes on in a shell, `notify` tells whoever is to know.
"""

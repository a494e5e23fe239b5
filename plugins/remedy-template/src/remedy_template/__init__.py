"""A plugin for remedy. Every `Detector` and `Remedy` in the modules of this package is found by itself."""

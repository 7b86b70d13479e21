"""Register the fixtures of the KGC databases."""

from support.kgc import kgc_loaded_template, kgc_source, kgc_target, kgc_template

__all__ = ["kgc_loaded_template", "kgc_source", "kgc_target", "kgc_template"]

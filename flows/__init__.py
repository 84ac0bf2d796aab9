"""The producers, one folder each. A producer may also live outside this tree, in a `flows/` folder on the import path."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

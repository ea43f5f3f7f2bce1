"""Sets of event-camera recordings, one declaration a file."""

from spikescan.data.cameras.cifar10dvs import CIFAR10DVS
from spikescan.data.cameras.dvsgesture import DVSGESTURE
from spikescan.data.cameras.ncaltech101 import NCALTECH101
from spikescan.data.cameras.nmnist import NMNIST

__all__ = ["CIFAR10DVS", "DVSGESTURE", "NCALTECH101", "NMNIST"]

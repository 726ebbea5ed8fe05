"""numpy's matrix products on one thread, for the life of the process."""

from functools import cache

# Only a library that is loaded by then is found.
import numpy as np  # noqa: F401
from threadpoolctl import threadpool_limits


@cache
def keep_to_one_thread() -> None:
    """From now on products are made by the thread that asks for them, and their bits do not depend on others.

    The front ends' products are small: more threads would only spin on the cores of other workers. The limit stays:
    OpenBLAS takes a second one only from the thread that has set the first, and says nothing.
    """
    threadpool_limits(limits=1, user_api="blas")

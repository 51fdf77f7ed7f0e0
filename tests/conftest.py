"""What holds for all tests."""

from hypothesis import settings

# no test asserts a time: other work may share the cores
settings.register_profile("steel", deadline=None)
settings.load_profile("steel")

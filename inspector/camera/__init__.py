"""A camera of an inspector, for programs: numbers frames, sends them, and in credit mode keeps them until recorded."""

from inspector.camera.camera import Camera, Transport

__all__ = ["Camera", "Transport"]

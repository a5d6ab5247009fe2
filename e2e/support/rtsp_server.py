"""An RTSP camera: shows a video, from its beginning, to everybody who connects to rtsp://127.0.0.1:PORT/door.

usage: rtsp_server.py VIDEO PORT      port 0 is any free one; says `ready PORT` when it can be used
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

video, port = sys.argv[1:]
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f'( filesrc location="{video}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )'
)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.get_mount_points().add_factory("/door", factory)
if not server.attach(None):
    sys.exit(f"cannot listen on port {port}")
print("ready", server.get_bound_port(), flush=True)
GLib.MainLoop().run()

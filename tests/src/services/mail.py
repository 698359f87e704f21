"""Mail and FTP servers, each on a port that it names; until the standard input ends."""
import asyncio
import ssl
import sys
import threading

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def log_in(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"user", b"secret")
    return AuthResult(success=good, handled=False)


def context(directory, kind):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"{directory}/{kind}.pem", f"{directory}/{kind}.key")
    return made


async def listen(loop, name, tls=None, **options):
    def protocol():
        return SMTP(Sink(), hostname="mail.example", ident="ready", loop=loop, **options)

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    print(name, server.sockets[0].getsockname()[1], flush=True)


async def main(directory):
    loop = asyncio.get_running_loop()
    await listen(loop, "smtp", authenticator=log_in, auth_require_tls=False)
    for kind in sys.argv[2:]:
        tls = context(directory, kind)
        await listen(loop, f"starttls-{kind}", tls_context=tls, authenticator=log_in)
        await listen(loop, f"smtps-{kind}", tls=tls, authenticator=log_in, auth_require_tls=False)
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.banner = "ready"
    ftp = FTPServer(("127.0.0.1", 0), FTPHandler)
    print("real-ftp", ftp.socket.getsockname()[1], flush=True)
    threading.Thread(target=ftp.serve_forever, kwargs={"handle_exit": False}, daemon=True).start()
    print("ready", 0, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


import logging

logging.disable(logging.CRITICAL)
asyncio.run(main(sys.argv[1]))

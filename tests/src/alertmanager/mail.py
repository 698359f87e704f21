"""A mail server: says its port, then each mail as a line of JSON, until the standard input ends."""
import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP


class Teller:
    async def handle_DATA(self, server, session, envelope):
        text = f"To: {envelope.rcpt_tos[0]}\n" + envelope.content.decode()
        print(json.dumps(text), flush=True)
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Teller(), hostname="mail.example", loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())

"""The web application: a page, uploads, progress, results. For one's own machine.

Nothing of a request names a file: a job has an unguessable id, its files have fixed names. Requests
that another page of the browser sends are refused, by `Host` and `Origin`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dfer_jax.errors import UserError
from dfer_jax.serving.jobs import FILES, Job, Jobs, receiving

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'self' blob:; script-src 'self' 'unsafe-inline'; style-src 'self' "
        "'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_NO_FORMS = (
    "a form was sent; send the file itself: curl --data-binary @talk.mp4 '.../jobs?name=talk.mp4'"
)
_CROP = re.compile(r"face_(\d{1,9})\.jpg", re.ASCII)


def create_app(jobs: Jobs, *, hosts: Sequence[str]) -> Starlette:
    """Returns the application; when it shuts down, all videos are removed.

    Args:
        jobs: what looks at the videos.
        hosts: names under which it may be asked.
    """
    page = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
    page = page.replace("MEGABYTES", f"{jobs.limits.megabytes:g}")

    async def index(_: Request) -> Response:
        return HTMLResponse(page, headers=_SAFE)

    async def create(request: Request) -> Response:
        if not _own_page(request):
            return _refusal(403, "videos are taken from the server's own page")
        if request.headers.get("content-type", "").startswith("multipart/"):
            return _refusal(415, _NO_FORMS)
        if not _length_fits(request, jobs):
            return _refusal(413, f"larger than {jobs.limits.megabytes:g} MB")
        try:
            job = jobs.new(_name(request))
        except UserError as error:
            return _refusal(429, str(error))
        return await _receive(request, jobs, job)

    async def job_of(request: Request) -> Response:
        job = jobs.get(request.path_params["job"])
        if job is None:
            return _refusal(404, "no such video; it may have been removed")
        if request.method == "DELETE":
            if not _own_page(request):
                return _refusal(403, "videos are removed from the server's own page")
            await run_in_threadpool(jobs.drop, job)
            return Response(status_code=204)
        return JSONResponse(job.as_json(), headers=_SAFE)

    async def file_of(request: Request) -> Response:
        job, name = jobs.get(request.path_params["job"]), request.path_params["name"]
        kind = FILES.get(name) or ("image/jpeg" if _CROP.fullmatch(name) else None)
        if job is None or kind is None or not (job.folder / name).is_file():
            return _refusal(404, "no such file; the video may have been removed")
        return FileResponse(job.folder / name, media_type=kind, headers=_SAFE)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(jobs.close)

    routes = [
        Route("/", index),
        Route("/jobs", create, methods=["POST"]),
        Route("/jobs/{job}", job_of, methods=["GET", "DELETE"]),
        Route("/jobs/{job}/{name}", file_of),
    ]
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    return Starlette(routes=routes, middleware=[guard], lifespan=lifespan)


async def _receive(request: Request, jobs: Jobs, job: Job) -> Response:
    """Writes the body of a request as the job's video and lets it start."""
    try:
        with receiving(job, jobs.limits) as write:
            async for part in _parts(request, jobs.limits.silent_seconds):
                await run_in_threadpool(write, part)
    except TimeoutError:
        jobs.drop(job)
        return _refusal(408, "nothing more of the video came; send it again")
    except UserError as error:
        jobs.drop(job)
        return _refusal(413, str(error))
    except ClientDisconnect:
        jobs.drop(job)
        return Response(status_code=400)
    except OSError as error:
        jobs.drop(job)
        return _refusal(507, f"no room for the video ({error.strerror})")
    jobs.start(job)
    return JSONResponse(job.as_json(), status_code=201, headers=_SAFE)


async def _parts(request: Request, seconds: float) -> AsyncIterator[bytes]:
    """Yields the body; raises `TimeoutError` where so long nothing comes."""
    stream = request.stream()
    with contextlib.suppress(StopAsyncIteration):
        while True:
            yield await asyncio.wait_for(anext(stream), seconds)


def _own_page(request: Request) -> bool:
    """Whether a request comes from the server's page, or from no page at all."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _length_fits(request: Request, jobs: Jobs) -> bool:
    length = request.headers.get("content-length", "")
    return not length.isdigit() or int(length) <= jobs.limits.megabytes * 1e6


def _name(request: Request) -> str:
    """What the sender calls the video, for people: the last part, printable, short."""
    name = re.split(r"[/\\]", request.query_params.get("name", ""))[-1]
    return "".join(c for c in name if c.isprintable())[:120] or "video"


def _refusal(status: int, why: str) -> Response:
    return JSONResponse({"fault": why}, status_code=status, headers=_SAFE)

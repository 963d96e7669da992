"""Routes of the samples: MNIST test images with their labels, as JSON and PNG."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.client_identity import client_of
from api.errors.problem import Problem
from api.inference.engine import Engine
from api.inference.jobs import Job
from api.inference.large_work import large_work
from api.inference.memory_budget import HeldBytes
from api.middleware.timeouts import RequestTimeout
from api.openapi import schemas, spec
from api.requests.query import SingleValueRoute
from api.responses.negotiation import MEDIA_TYPES, PICTURES, PictureOptions
from models.data import samples
from models.data.samples import Samples
from probes.declaration import Parameters
from probes.figures import colours
from probes.figures.figures import Tensor, Tiles
from probes.output.render import PictureFormat, picture, render

SHEET_BYTES = 786_432
"""Bytes of the largest sheet of samples: 200 of them."""

DIGITS = 10
"""Number of classes of MNIST's samples, which do not depend on the resident networks."""


class SamplesQuery(Parameters):
    """Query of `/samples`: digit and number of the samples to list."""

    label: int | None = Field(None, ge=0, le=DIGITS - 1, description="Only this digit.")
    count: int = Field(20, ge=1, le=200, description="Maximum number of samples.")


class SamplesPictureQuery(SamplesQuery, PictureOptions):
    """Query of `/samples.png`: digit and number of the samples to draw, style of the picture."""


def router() -> APIRouter:
    """Build the routes of the samples: `/samples`, its pictures and `/samples/{index}.png`."""
    samples.load()  # a file that is missing or altered stops the start, not the first request
    routes = APIRouter(tags=["samples"], route_class=SingleValueRoute)
    routes.add_api_route(
        "/samples",
        list_samples,
        operation_id="samples",
        response_model=schemas.SampleList,
        summary="Test images with their labels.",
        responses=spec.answers("samples"),
    )
    for each in PICTURES:
        routes.add_api_route(
            f"/samples.{each}",
            _draw_samples(each),
            operation_id=f"samples_{each}",
            summary="Test images on one sheet.",
            include_in_schema=each == "png",
            response_class=Response,
            responses=_described(each),
        )
    routes.add_api_route(
        "/samples/{index}.png",
        draw_sample,
        operation_id="sample_png",
        summary="One test image as a plain PNG.",
        response_class=Response,
        responses=_described("png"),
    )
    return routes


def _described(picture_format: PictureFormat) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a picture of samples."""
    return {
        200: {"content": {MEDIA_TYPES[picture_format]: {"schema": spec.BINARY}}},
        **spec.problems(),
    }


async def list_samples(request: Request, query: Annotated[SamplesQuery, Query()]) -> Response:
    """Samples of `/samples` to try: MNIST test images with labels; post `pixels` as they are."""
    # In milliseconds and without a network: a server that is warming up lists them, too.
    with _engine(request).admission.request():
        content = _list(samples.load(), query)
    return Response(content, media_type="application/json")


def _draw_samples(picture_format: PictureFormat) -> Callable[..., Awaitable[Response]]:
    """Return the endpoint of the sheet of samples in one format."""

    async def draw_samples(
        request: Request, query: Annotated[SamplesPictureQuery, Query()]
    ) -> Response:
        """Samples on one sheet: the images that `/samples` lists."""
        content = await _drawn(request, query, picture_format)
        return Response(content, media_type=MEDIA_TYPES[picture_format])

    return draw_samples


async def draw_sample(
    request: Request, index: Annotated[int, Path(ge=0, description="Index in the test set.")]
) -> Response:
    """One sample of `/samples` as a plain 28x28 PNG, to post to the CNN."""
    held = samples.load()
    found = np.flatnonzero(held.indices == index)
    if not found.size:
        raise Problem("unknown-path", f"Test image {index} is not among the samples.")
    with _engine(request).admission.request():
        content = picture(held.images[found[0]])
    return Response(content, media_type="image/png")


def _engine(request: Request) -> Engine:
    """Return the engine whose limits requests for samples have."""
    engine: Engine = request.app.state.engine
    return engine


async def _drawn(
    request: Request, query: SamplesPictureQuery, picture_format: PictureFormat
) -> bytes:
    """Draw the sheet of samples while the client waits for it, within the limits of any request.

    Raises:
        EngineNotReadyError: The server is warming up, which takes the threads that draw.
        EngineBusyError: As many requests are in flight as are allowed, or hold as many bytes.
        DeadlineError: The deadline passed.
    """
    engine, deadline_s = _engine(request), request.app.state.settings.deadline_s
    job = Job(client_of(request.scope), time.monotonic() + deadline_s)
    with (
        engine.admit(),
        HeldBytes(engine.admission.memory, job) as held,
        RequestTimeout() as timeout,
    ):
        timeout.body_received(request.receive, job.deadline)
        held.add(SHEET_BYTES)
        return await engine.compute(_sheet, samples.load(), query, picture_format, job=job)


def _chosen(held: Samples, query: SamplesQuery) -> np.ndarray:
    """Positions of the samples that a query chooses; without a label, digits 0 to 9 in turn."""
    if query.label is not None:
        return np.flatnonzero(held.labels == query.label)[: query.count]
    # The file has the same number of images of each digit: one row of the matrix for each.
    turns = np.argsort(held.labels, kind="stable").reshape(DIGITS, -1).T.ravel()
    return np.asarray(turns[: query.count])


def _list(held: Samples, query: SamplesQuery) -> bytes:
    """List samples with their pixels, as JSON."""
    listed = [
        schemas.Sample(
            index=int(held.indices[at]), label=int(held.labels[at]), pixels=held.images[at].tolist()
        )
        for at in _chosen(held, query)
    ]
    return schemas.SampleList(samples=listed).model_dump_json(by_alias=True).encode()


def _sheet(held: Samples, query: SamplesPictureQuery, picture_format: PictureFormat) -> bytes:
    """Draw the sheet of samples: a tile for each sample, named by its label and index."""
    chosen = _chosen(held, query)
    names = [f"{held.labels[at]} (#{held.indices[at]})" for at in chosen]
    axes, coordinates = ("sample", "y", "x"), {"sample": names}
    images = Tensor(
        "samples", "input", axes, held.images[chosen], coordinates, colours.intensities()
    )
    figure = Tiles("MNIST test images", images, columns=10)
    return render(figure, query.style, picture_format, large_work)

# SPDX-License-Identifier: Apache-2.0
"""What crosses the unix sockets: one frozen Struct per message, MessagePack, tagged by type.

On ``engine.sock`` a connection carries one request and its events, in this order:
``Generate`` → ``Waking``* → ``Accepted`` → ``Queued``* → ``Reading``* → ``Delta``* → ``Finished``,
or ``Failed`` at any point; ``Moved`` after ``Waking`` means to ask again on a new connection;
``DescribeEngine`` → ``EngineDescription``; ``DescribeActivity`` → ``Activity``; ``.work_messages``.

On ``embedder.sock``: ``Embed`` → ``Vector``* → ``Embedded``, or ``Failed`` at any point;
``DescribeEmbedder`` → ``EmbedderDescription``. Closing a connection cancels either.

On ``atred.sock``: ``DescribeBox``, ``UseCertificate``, ``ResetCertificate`` or ``EndSetup`` →
``BoxDescription``, or ``Failed``; see ``.box_messages``, ``.model_messages``, ``.power_messages``.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from atre.ipc.message import Fraction, Message
from atre.ipc.presence import DescribeActivity, SleepInForce, Waking
from atre.sentence import Sentence
from atre.speed_figure import SpeedFigure

MAX_INPUTS = 2048  # of one request for embeddings: OpenAI's own limit


class Priority(StrEnum):
    """What a request is for; decides who waits when not everybody can be served."""

    CHAT = "chat"
    API = "api"
    BACKGROUND = "background"


class ToolCall(Message, frozen=True):
    """A call that the model made in an earlier turn; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


class ChatMessage(Message, frozen=True):
    """One turn of a conversation, as the model's chat template receives it.

    ``tool_call_id`` says which call a message of the role ``tool`` answers.
    """

    role: str
    content: str
    name: str | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class Tool(Message, frozen=True):
    """A function that the model may call; ``parameters`` is the JSON schema of its arguments.

    The schema is text; one that cannot be enforced whole is refused only where ``strict``.
    """

    name: str
    description: str = ""
    parameters: str = '{"type":"object"}'
    strict: bool = False


class ToolChoice(StrEnum):
    """Whether the model may call a tool, or must."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"


class Sampling(Message, frozen=True):
    """How the next token is chosen. ``top_k`` 0 and ``top_p`` 1 switch those filters off.

    ``logprobs`` is the number of alternatives reported for each token, None for no report.
    """

    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.7
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] = 40
    top_p: Fraction = 0.95
    min_p: Fraction = 0.05
    repetition_penalty: Annotated[float, Meta(gt=0.0, le=10.0)] = 1.0
    frequency_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] = 0.0
    presence_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] = 0.0
    seed: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    logit_bias: dict[int, Annotated[float, Meta(ge=-100.0, le=100.0)]] = {}
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class Generate(Message, frozen=True):
    """Ask for one completion, of a conversation (``messages``) or of text or tokens (``prompt``).

    ``model`` None takes the one that is loaded; ``max_tokens`` None means up to the window;
    ``user`` names the person or key that is charged. ``answer_schema`` is a JSON schema, as text,
    that the answer must satisfy. ``tool_name`` is the only tool that may be called, None allows
    all of ``tools``.
    """

    model: str | None = None
    messages: list[ChatMessage] | None = None
    prompt: str | list[int] | None = None
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: list[str] = []
    answer_schema: str | None = None
    tools: list[Tool] = []
    tool_choice: ToolChoice = ToolChoice.AUTO
    tool_name: str | None = None
    parallel_tool_calls: bool = True
    user: str = ""
    priority: Priority = Priority.API


class Accepted(Message, frozen=True):
    """``model`` will answer; ``request_id`` is what the engine's records of work call it."""

    model: str
    prompt_tokens: int
    request_id: str = ""


class Queued(Message, frozen=True):
    """The request waits; ``position`` 1 is next to be admitted."""

    position: int


class Reading(Message, frozen=True):
    """The prompt is being read: ``processed`` of ``total`` tokens, ``cached`` of them reused."""

    total: int
    cached: int
    processed: int
    time_ms: int


class TokenLogprob(Message, frozen=True):
    """Natural-log probability of one token, and of the likeliest ones at its place.

    ``piece`` is the token's own bytes, which need not be whole UTF-8 characters.
    """

    piece: bytes
    logprob: float
    top: list[tuple[bytes, float]]


class CallDelta(Message, frozen=True):
    """More of call number ``index``: first its id and name, then its arguments as JSON text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(Message, frozen=True):
    """What to append to the answer: whole characters only, never part of a stop string.

    ``reasoning`` is what the model wrote for itself before the text.
    """

    text: str = ""
    logprobs: list[TokenLogprob] = []
    reasoning: str = ""
    calls: list[CallDelta] = []


class FinishReason(StrEnum):
    """Why an answer ended, in the words of the OpenAI API."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class Finished(Message, frozen=True):
    """The last event of an answer, with what it cost. Times are from the request's arrival."""

    reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    first_token_ms: float
    total_ms: float
    request_id: str = ""


class Failed(Message, frozen=True):
    """The last event of a request that cannot be answered; see ``atre.ipc.failure``."""

    kind: str
    message: str
    message_fr: str = ""
    param: str | None = None
    num_tokens: int = 0
    limit: int = 0
    retry_after_s: int = 0
    problem: str = ""


class DescribeEngine(Message, frozen=True):
    """Ask the engine what it runs and how it is doing."""


class Turn(Message, frozen=True):
    """What ``count`` steps that computed the next tokens of ``num_streams`` answers took.

    ``outside_s`` of ``total_s`` were spent outside the model's computing and sampling.
    """

    num_streams: int
    count: int
    total_s: float
    outside_s: float


class AppliedAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA adapter that acts on every answer; what it adds is multiplied by ``scale``."""

    name: str
    scale: float


class EngineDescription(Message, frozen=True):
    """What the engine runs and how it is doing. Speeds are means over the last minute.

    ``model`` is the id that requests use, ``name`` what its makers call it. ``turns`` are sums
    since the model was loaded; ``snapshot_bytes`` of RAM hold copies of what ended answers held.
    ``issues`` are sentences on what went otherwise than planned when the model started. ``speed``
    is one reader's. ``asleep_since`` is None while awake; ``waking`` is how much is loaded again.
    """

    model: str
    name: str
    description: str
    licence: str
    num_parameters: int
    size_bytes: int
    n_ctx: int
    n_ctx_train: int
    num_slots: int
    threads: int
    device: str
    started_at: float
    num_running: int
    num_waiting: int
    queue_limit: int
    kv_cells_used: int
    kv_cells_total: int
    decode_tokens_per_s: float
    prefill_tokens_per_s: float
    completion_tokens_total: int
    requests_total: int
    turns: list[Turn] = []
    snapshot_bytes: int = 0
    issues: list[str] = []
    issues_fr: list[str] = []
    speed: SpeedFigure = SpeedFigure()
    adapters: list[AppliedAdapter] = []
    asleep_since: float | None = None
    waking: Fraction | None = None


class Embed(Message, frozen=True):
    """Ask for one vector for each input: each of ``texts``, or each list of ``tokens``.

    ``tokenizer`` names the model whose token numbers ``tokens`` are. ``dimensions`` None means all
    that the model has; ``user`` names the person or key that is served in turn.
    """

    texts: Annotated[list[str], Meta(max_length=MAX_INPUTS)] = []
    tokens: Annotated[list[list[int]], Meta(max_length=MAX_INPUTS)] = []
    model: str | None = None
    tokenizer: str | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str = ""


class Vector(Message, frozen=True):
    """The vector of one input: float32, little-endian, of unit length. Order is not promised."""

    index: int
    data: bytes


class Embedded(Message, frozen=True):
    """The last event of a job, when every input has its vector."""

    model: str
    prompt_tokens: int


class DescribeEmbedder(Message, frozen=True):
    """Ask what gives the vectors."""


class EmbedderDescription(Message, frozen=True):
    """The embedding model and how it is doing; ``pooling`` is mean, cls or last.

    ``num_open`` requests are not answered yet; the totals count since the model was loaded.
    """

    model: str
    name: str
    dimensions: int
    max_input_tokens: int
    pooling: str
    threads: int
    started_at: float
    num_open: int
    inputs_total: int
    tokens_total: int


class DescribeBox(Message, frozen=True):
    """Ask the management daemon about the box: its names, its profile, its certificate."""


class UseCertificate(Message, frozen=True):
    """Serve this certificate from now on; each file as it was given, PEM or DER."""

    certificate: bytes
    key: bytes
    chain: bytes = b""


class ResetCertificate(Message, frozen=True):
    """Serve the box's own certificate again; with ``authority``, of a new authority."""

    authority: bool = False


class EndSetup(Message, frozen=True):
    """The box has an owner now: announce no longer that it waits for one."""


class CertificateSource(StrEnum):
    """Whose certificate the box serves: its own authority's, or one that its owner brought."""

    OWN = "own"
    IMPORTED = "imported"


class DiscoveryState(StrEnum):
    """Whether the LAN can find the box by itself."""

    OFF = "off"
    PROBING = "probing"
    ANNOUNCED = "announced"
    UNAVAILABLE = "unavailable"


class BoxDescription(Message, frozen=True):
    """The box as seen from the LAN. ``detail`` says why discovery is not announced, or is empty.

    ``certificate_sha256`` is of the certificate that is served, ``authority_sha256`` of the box's
    own authority, both in hex and None off the LAN. ``certificate_ends_at`` is in Unix seconds.
    ``http_port`` explains and hands out the authority in clear; with ``plain_http_api`` it also
    answers programs that have a key. What is for people is there in French too, in that order.
    """

    version: str
    mdns_name: str | None
    addresses: list[str]
    lan_port: int | None
    discovery: DiscoveryState
    detail: str
    responder: str
    certificate_sha256: str | None
    profile: str
    profile_fr: str
    profile_reason: str
    profile_reason_fr: str
    issues: list[str]
    notices: list[Sentence] = []
    authority_sha256: str | None = None
    certificate_source: CertificateSource = CertificateSource.OWN
    certificate_ends_at: float | None = None
    http_port: int | None = None
    plain_http_api: bool = False
    issues_fr: list[str] = []
    detail_fr: str = ""
    is_discovery_wanted: bool = True
    aliases: list[str] = []
    started_at: float | None = None
    sleep: SleepInForce | None = None


EngineRequest = Generate | DescribeEngine | DescribeActivity
EngineEvent = Waking | Accepted | Queued | Reading | Delta | Finished | Failed | EngineDescription
EmbedderRequest = Embed | DescribeEmbedder
ManagementRequest = DescribeBox | UseCertificate | ResetCertificate | EndSetup

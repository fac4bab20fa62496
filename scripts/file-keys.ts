/** The keys of the files that an operator writes; a test compares them with what the code accepts. */
export interface FileKeys {
  readonly title: string
  /** By key: its type, its default where it has one, and its effect. */
  readonly keys: Readonly<Record<string, readonly [type: string, fallback: string, effect: string]>>
}

const USD = 'US dollars'
const RATE = 'US dollars per million tokens'
const MS = 'milliseconds'

const RATES: FileKeys['keys'] = {
  input_cost: [RATE, 'unknown', 'The price of the prompt; 0 is free, absent is unpriced.'],
  output_cost: [RATE, 'unknown', 'The price of the response.'],
  cached_input_cost: [RATE, '`input_cost`', 'Of prompt tokens that the provider’s cache had.'],
  cache_write_cost: [RATE, '`input_cost`', 'Of prompt tokens that are written to the provider’s cache.'],
  cache_write_1h_cost: [
    RATE,
    '`cache_write_cost`',
    'Of prompt tokens that are written to the provider’s cache for an hour.',
  ],
  reasoning_cost: [RATE, '`output_cost`', 'Of reasoning tokens.'],
  audio_input_cost: [RATE, '`input_cost`', 'Of audio in the prompt.'],
  audio_output_cost: [RATE, '`output_cost`', 'Of audio in the response.'],
  image_cost: [RATE, '`input_cost`', 'Of image tokens in the prompt.'],
}

export const MODELS_FILE: Readonly<
  Record<'model' | 'backend' | 'tier' | 'provider' | 'key' | 'timeouts', FileKeys>
> = {
  model: {
    title: 'A model: `models.<name>`',
    keys: {
      display_name: ['text', 'the name', 'The name that people see.'],
      kind: [
        '`chat`, `embedding`, `speech`, `transcription`',
        '`chat`',
        'The routes that may use it; the last two are not served yet.',
      ],
      tier: ['text', '`standard`', '`autobest` prefers `premium`.'],
      capabilities: [
        'list of texts',
        'none',
        '`tool_calling`, `vision`, `reasoning`, `audio_input` …: which requests it is chosen for.',
      ],
      context_window: ['tokens', 'unknown', 'Prompt and response together; longer requests go elsewhere.'],
      max_output_tokens: ['tokens', 'unknown', 'Of one response.'],
      hedge: ['true or false', 'false', 'Whether a slow stream may be hedged at another endpoint.'],
      backends: ['list', 'required', 'The endpoints that offer it.'],
    },
  },
  backend: {
    title: 'An endpoint: an item of `backends`',
    keys: {
      provider: ['name', 'required', 'Who runs it.'],
      model_id: ['text', 'required', 'The provider’s own name of the model.'],
      priority: ['whole number', 'its place in the list', 'The lowest is tried first.'],
      ...RATES,
      request_cost: [USD, 'none', 'For each request.'],
      each_image_cost: [USD, 'none', 'For each image in the prompt.'],
      character_cost: ['US dollars per million characters', 'unknown', 'Of speech.'],
      search_unit_cost: ['US dollars per search unit', 'unknown', 'Of a rerank request.'],
      made_image_costs: [
        'list of {size, quality, each_cost}',
        'unknown',
        'US dollars for each image that is made; the first row that fits counts.',
      ],
      minute_cost: ['US dollars per minute', 'unknown', 'Of audio; not together with `hour_cost`.'],
      hour_cost: ['US dollars per hour', 'unknown', 'Of audio.'],
      minimum_seconds: ['seconds', 'none', 'Shorter audio is charged as this.'],
      second_rounding: ['`up` or `nearest`', 'none', 'Whole seconds of audio are charged.'],
      tiers: ['list', 'none', 'Rates for longer prompts.'],
      price_source: ['text', 'none', 'Where the price comes from.'],
      price_date: ['YYYY-MM-DD', 'none', 'When it was read there.'],
      price_note: ['text', 'none', 'A remark for readers.'],
      context_window: ['tokens', 'the model’s', 'When this endpoint differs.'],
      max_output_tokens: ['tokens', 'the model’s', 'When this endpoint differs.'],
    },
  },
  tier: {
    title: 'Rates for longer prompts: an item of `tiers`',
    keys: {
      above_input_tokens: ['tokens', 'required', 'The rates below apply to requests whose prompt has more.'],
      ...RATES,
    },
  },
  provider: {
    title: 'A provider: `providers.<name>`',
    keys: {
      display_name: ['text', 'the name', 'The name that people see.'],
      base_url: [
        'URL',
        'the built-in one',
        'Where it is reached; `http+unix://%2Fpath%2Fof.sock/v1` for a socket.',
      ],
      key_env: [
        'variable',
        '`<NAME>_API_KEY`',
        'The variable of its keys; its plural with an S takes several.',
      ],
      protocol: ['name', '`openai-chat`', 'The API that it is spoken to in: `openai-chat` or `anthropic`.'],
      proxy: [
        'URL',
        'that of the variables',
        'The HTTP proxy that it is reached through; `direct` for none.',
      ],
      keys: ['list', 'none', 'Its keys one by one, instead of `key_env`.'],
      timeouts: ['mapping', 'those of the variables', 'Timeouts of this provider.'],
      headers: ['mapping of texts', 'none', 'Sent with every request.'],
      quirks: ['mapping', 'none', 'Deviations from its protocol, by name.'],
      abort_stops_billing: [
        'true or false',
        'the built-in knowledge',
        'Whether an aborted response is charged no further.',
      ],
      abort_stops_plain_billing: [
        'true or false',
        'the built-in knowledge',
        'The same for responses that are not streamed.',
      ],
      models: [
        '`listed` or `any`',
        '`listed`',
        'With `any` every `<name>/<model>` that is requested is passed on, unpriced.',
      ],
      command: [
        'list of texts',
        'none',
        'A local server that is started when it is first needed; `{socket}` and `{port}` are replaced.',
      ],
      ready_path: ['path', '`/health`', 'Responds with 200 once the server is ready.'],
      idle_timeout_s: ['seconds', '300', 'The server is stopped after so long without a request.'],
      port: ['whole number to 65535', 'none', 'A fixed port, for servers whose port can’t be chosen.'],
    },
  },
  key: {
    title: 'A key: an item of `keys`',
    keys: {
      env: ['variable', 'required', 'The variable that holds it; never the key itself.'],
      weight: ['whole number from 1', '1', 'Its share of the load among keys of one priority.'],
      priority: ['whole number', '0', 'The lowest is used first.'],
      requests_per_minute: ['whole number from 1', 'none', 'At most so many requests with this key.'],
    },
  },
  timeouts: {
    title: 'Timeouts: `timeouts` of a provider',
    keys: {
      connect_ms: [MS, '`AIBROKER_CONNECT_TIMEOUT_MS`', 'Until it accepts the connection.'],
      headers_ms: [MS, '`AIBROKER_HEADERS_TIMEOUT_MS`', 'Until it begins its response.'],
      first_token_ms: [MS, '`AIBROKER_FIRST_TOKEN_TIMEOUT_MS`', 'Until the first token of a stream.'],
      gap_ms: [MS, '`AIBROKER_GAP_TIMEOUT_MS`', 'Between two chunks of a stream.'],
      answer_ms: [MS, '`AIBROKER_ANSWER_TIMEOUT_MS`', 'Until a plain response is complete.'],
    },
  },
}

export const MCP_FILE: Readonly<Record<'server' | 'policy' | 'chat', FileKeys>> = {
  server: {
    title: 'A server: `mcpServers.<name>`, or an item of `mcpServers` with a `name`',
    keys: {
      type: ['`stdio`, `http`, `streamable-http`, `sse`', 'by `command` or `url`', 'How it is reached.'],
      command: [
        'text',
        '–',
        'The program to start. The bare names of our own (`mcp_serper` …) run those of this package.',
      ],
      args: ['list of texts', 'none', 'Its arguments.'],
      env: ['mapping of texts', 'none', 'Its variables, in addition to a short list of harmless ones.'],
      cwd: ['path', 'the broker’s', 'Its working directory, relative to the file.'],
      url: ['URL', '–', 'Where a running server is reached: `http(s)://`, `http+unix://` or `unix:`.'],
      headers: ['mapping of texts', 'none', 'Sent with every request to `url`.'],
      disabled: ['true or false', 'false', 'Leaves the server out.'],
      prefix: ['true or false', 'true', 'Whether its tools are listed as `server__tool`.'],
      era: [
        '`auto`, `legacy`, `modern`',
        '`auto`',
        'The protocol revisions with sessions, without, or negotiated.',
      ],
      shared: [
        'true or false',
        'false',
        'One connection for all callers, for servers known to be stateless.',
      ],
      forwardCaller: [
        'true or false',
        'true for `mcp_hero`',
        'Whether it learns who calls its tools, to act as them; only for programs of this package.',
      ],
      review: ['`drift`, `all`, `off`', '`drift`', 'Which tool definitions wait for approval.'],
      allow: ['list of patterns', '`*`', 'The tools that are offered.'],
      deny: ['list of patterns', 'none', 'The tools that are not.'],
      prices: ['mapping to US dollars', 'unknown', 'Per call, by tool; `*` for the rest.'],
      startTimeoutMs: [MS, '30000', 'For the handshake, and again for the lists.'],
      callTimeoutMs: [MS, '60000', 'Without progress of a call.'],
      maxCallMs: [MS, '600000', 'For a whole call.'],
      idleMs: [MS, '300000', 'The server is stopped after so long without a call.'],
      maxConcurrentCalls: ['whole number from 1', '16', 'More calls at once are refused.'],
      maxConnections: ['whole number from 1', '32', 'Connections for callers, at most.'],
      maxResultBytes: ['bytes', '4194304', 'Longer results are cut.'],
    },
  },
  policy: {
    title: 'A policy: an item of `policies`; the first that matches a caller applies',
    keys: {
      ips: ['list of texts', 'all', 'Callers by address.'],
      contexts: ['list of texts', 'all', 'Callers by context.'],
      tokens: ['list of texts', 'all', 'Callers by the subject of their token.'],
      allow: ['list of patterns', '`*`', 'The tools that they may use, as `server__tool`.'],
      deny: ['list of patterns', 'none', 'The tools that they may not use.'],
      callsPerMinute: ['whole number from 1', 'none', 'Of each caller.'],
      maxConcurrentCalls: ['whole number from 1', 'none', 'Of each caller.'],
      chatTools: ['list of patterns', 'none', 'The tools that their chats get without naming any.'],
    },
  },
  chat: {
    title: 'Chats whose tools the broker runs: `chat`',
    keys: {
      maxRounds: ['whole number to 100', '10', 'Model calls, at most.'],
      maxMs: [MS, '300000', 'For the whole chat.'],
      maxCost: [USD, '1', 'For all rounds and calls together.'],
      searchAbove: [
        'whole number',
        '40',
        'With more tools the model gets a search tool instead of all schemas.',
      ],
      maxResultCharacters: ['characters', '65536', 'Of one result as the model sees it.'],
    },
  },
}

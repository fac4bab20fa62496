/** How one run of an agent reaches the broker. */
export interface AgentRun {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly baseUrl: string
  /** The broker's `rest.sock`. */
  readonly socketPath: string
  /** A token of the broker that is valid for this run. */
  readonly token: string
  readonly model: string
  /** A folder of this run, which is removed at its end. */
  readonly folder: string
}

/** An agent, and how it is pointed at the broker for one run: its own settings stay as they are. */
export interface Agent {
  /** As `hero_aibroker run` takes it. */
  readonly name: string
  readonly program: string
  /** How people install it. */
  readonly install: string
  environment(run: AgentRun): Readonly<Record<string, string>>
  /** Variables that would win over those, and are left out. */
  readonly unset?: readonly string[] | undefined
  /** Arguments before the caller's own. */
  arguments?(run: AgentRun): readonly string[]
  /** Files in the folder of the run, by their names. */
  files?(run: AgentRun): Readonly<Record<string, object>>
  /** Arguments of a first run of the program, which writes its settings. */
  setup?(run: AgentRun): readonly string[]
}

/** Codex reads this variable; its settings name it. */
const CODEX_TOKEN = 'AIBROKER_RUN_TOKEN'
const PROVIDER = 'aibroker'

/** Every agent that `hero_aibroker run` knows. Sources: their documentation and `--help`, read 2026-12. */
export const AGENTS: readonly Agent[] = [
  {
    // 2.1: all traffic goes through the socket, whatever the base URL is.
    name: 'claude',
    program: 'claude',
    install: 'npm install -g @anthropic-ai/claude-code',
    unset: [
      'ANTHROPIC_API_KEY',
      'CLAUDE_CODE_OAUTH_TOKEN',
      'CLAUDE_CODE_USE_BEDROCK',
      'CLAUDE_CODE_USE_VERTEX',
    ],
    environment: ({ socketPath, token, model }) => ({
      ANTHROPIC_UNIX_SOCKET: socketPath,
      ANTHROPIC_BASE_URL: 'http://localhost',
      ANTHROPIC_AUTH_TOKEN: token,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
  },
  {
    name: 'codex',
    program: 'codex',
    install: 'npm install -g @openai/codex',
    environment: ({ token }) => ({ [CODEX_TOKEN]: token }),
    arguments: ({ baseUrl, model }) =>
      [
        ['model_provider', PROVIDER],
        [`model_providers.${PROVIDER}.name`, 'Hero AI Broker'],
        [`model_providers.${PROVIDER}.base_url`, `${baseUrl}/v1`],
        [`model_providers.${PROVIDER}.wire_api`, 'responses'],
        [`model_providers.${PROVIDER}.env_key`, CODEX_TOKEN],
        ['model', model],
      ].flatMap(([name, value]) => ['-c', `${name}=${JSON.stringify(value)}`]),
  },
  {
    // 0.61: a base URL alone ends in “Invalid auth method selected”; the system settings choose one.
    name: 'gemini',
    program: 'gemini',
    install: 'npm install -g @google/gemini-cli',
    unset: ['GOOGLE_API_KEY', 'GOOGLE_GENAI_USE_VERTEXAI', 'GOOGLE_GENAI_USE_GCA'],
    environment: ({ baseUrl, token, model, folder }) => ({
      GOOGLE_GEMINI_BASE_URL: baseUrl,
      GEMINI_API_KEY: token,
      GEMINI_MODEL: model,
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: `${folder}/settings.json`,
    }),
    files: () => ({ 'settings.json': { security: { auth: { selectedType: 'gemini-api-key' } } } }),
  },
  {
    name: 'opencode',
    program: 'opencode',
    install: 'npm install -g opencode-ai',
    environment: (run) => ({ OPENCODE_CONFIG_CONTENT: JSON.stringify(opencodeConfig(run)) }),
  },
  {
    name: 'qwen',
    program: 'qwen',
    install: 'npm install -g @qwen-code/qwen-code',
    environment: ({ baseUrl, token, model }) => ({
      OPENAI_BASE_URL: `${baseUrl}/v1`,
      OPENAI_API_KEY: token,
      OPENAI_MODEL: model,
    }),
    arguments: () => ['--auth-type', 'openai'],
  },
  {
    // 3.0: its settings are written by itself.
    name: 'cline',
    program: 'cline',
    install: 'npm install -g cline',
    environment: ({ folder }) => ({ CLINE_DATA_DIR: folder }),
    arguments: ({ model }) => ['--provider', 'openai-native', '--model', model],
    setup: ({ baseUrl, token, model }) => [
      'auth',
      '--provider',
      'openai-native',
      '--apikey',
      token,
      '--modelid',
      model,
      '--baseurl',
      `${baseUrl}/v1`,
    ],
  },
  {
    name: 'aider',
    program: 'aider',
    install: 'python -m pip install aider-install && aider-install',
    environment: ({ baseUrl, token }) => ({ OPENAI_API_BASE: `${baseUrl}/v1`, OPENAI_API_KEY: token }),
    arguments: ({ model }) => ['--model', `openai/${model}`],
  },
]

function opencodeConfig({ baseUrl, token, model }: AgentRun): object {
  const provider = {
    npm: '@ai-sdk/openai-compatible',
    name: 'Hero AI Broker',
    options: { baseURL: `${baseUrl}/v1`, apiKey: token },
    models: { [model]: { name: model } },
  }
  return { provider: { [PROVIDER]: provider }, model: `${PROVIDER}/${model}` }
}

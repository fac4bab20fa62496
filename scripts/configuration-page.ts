import { SETTINGS, type SettingRow } from '../src/config/setting-table.ts'
import { MCP_FILE, MODELS_FILE, type FileKeys } from './file-keys.ts'

/** The reference page of all variables, flags, settings and files. */
export function configurationPage(): string {
  const parts = [
    HEAD,
    table(['setting', 'variable or flag', 'type', 'unit', 'default', 'effect'], SETTINGS.map(settingCells)),
    KEYS,
    RELOAD,
    MODELS,
    ...Object.values(MODELS_FILE).map(keysSection),
    MCP,
    ...Object.values(MCP_FILE).map(keysSection),
    OTHERS,
  ]
  return `${parts.join('\n\n')}\n`
}

const HEAD = `# Configuration

<!-- Written by scripts/docs.ts from src/config/setting-table.ts and scripts/file-keys.ts; change it there. -->

The daemon reads variables of its environment, flags, a \`.env\` of secrets, the models file and the MCP file. \`hero_aibroker
config\` shows what is in effect and where it comes from. An empty variable counts as not set; a bad value stops the start with
a message that names it. Where several variables stand in a row, the first that is set applies.

## Variables and flags`

const KEYS = `## Keys of providers

| variable | effect |
|---|---|
| \`<NAME>_API_KEY\`, \`<NAME>_API_KEYS\` | The keys of the provider \`<name>\` (\`OPENROUTER\`, \`OPENAI\`, \`ANTHROPIC\`, …: \`docs/providers.md\` has all; or one of the models file); several are separated by commas. May be in any source of secrets. |
| \`AIBROKER_<NAME>_URL\` | Replaces the base URL of the provider \`<name>\`. |

Keys, \`ADMIN_TOKEN\` and \`HERO_SECRET\` may be in any of these; the first source that has a variable counts, and \`hero_aibroker
config\` names it, never the value:

1. the environment
2. a credential of systemd: a file in \`$CREDENTIALS_DIRECTORY\` that is named like the variable (\`LoadCredential=OPENAI_API_KEY:/etc/…\`)
3. \`.env\` in the data folder, readable by its owner alone (\`chmod 600\`), at most 256 KiB
4. a file that \`<NAME>_API_KEY_FILE\`, \`<NAME>_API_KEYS_FILE\`, \`ADMIN_TOKEN_FILE\` or \`HERO_SECRET_FILE\` names, as containers have it; at
   most 64 KiB
5. what \`AIBROKER_KEYS_COMMAND\` prints, in the form of \`.env\`

A reload reads 2 to 5 again, so that a key is rotated without a restart, also in worker processes.`

const RELOAD = `## What a reload does

A reload is \`hero_aibroker config reload\` (\`config.reload\`). Files are regular files; a FIFO, a device or a folder in their place is
refused. What is refused changes nothing, and is reported in \`info\`, \`doctor\` and the log.

| source | read | at most | takes effect |
|---|---|---|---|
| variables and flags | at the start | – | at the next start |
| models file | at the start, when it changes, at a reload | 1 MiB, 50 listed problems | at once, as a whole; a file with a mistake is refused |
| MCP file | at the start, when it changes, at a reload | 1 MiB | at once, entry by entry; servers whose entry is unchanged keep running. A policy that can’t be read keeps the last file |
| sources of secrets: keys | at the start, at a reload | 256 KiB each | at once |
| sources of secrets: \`ADMIN_TOKEN\`, \`HERO_SECRET\` | at the start | 256 KiB | at the next start; a reload names them |

Changes of the models file and of the MCP file are noticed behind links too (a ConfigMap, a bind mount); where the file system
announces none, within two seconds. A file that lost all or more than half of its models, servers or variables is refused at a
reload, because it is rather cut off than meant; \`hero_aibroker config reload --force\` accepts it.`

const MODELS = `## The models file

YAML: \`models\` by the names that callers request, and \`providers\` by name. An unknown key is a mistake.`

const MCP = `## The MCP file

JSON: \`mcpServers\`, \`policies\` and \`chat\`. \`\${NAME}\` and \`\${NAME:-default}\` in \`command\`, \`args\`, \`env\`, \`url\` and \`headers\` are taken from
the environment. An entry that can’t be used is left out and named in \`mcp.servers\`, in lists of tools and by \`doctor\`; a policy
that can’t be read gives no tools to the callers that reach it.`

const OTHERS = `## Other programs

\`hero_aibroker_services\` reads the variables of folders, \`MCP_CONFIG_PATH\`, \`AIBROKER_BODY_LIMIT_MB\`, \`AIBROKER_DRAIN_TIMEOUT_S\` and
\`AIBROKER_LOG_LEVEL\`. The command line reads the variables of folders, \`NO_COLOR\`, \`TERM_PROGRAM\` and \`KITTY_WINDOW_ID\` (how a terminal shows images), and \`AIBROKER_TOKEN\` or \`ADMIN_TOKEN\` for a broker that
requires a token; \`run\` gives Codex its token in \`AIBROKER_RUN_TOKEN\`. The variables of the MCP servers that we ship are in [mcp-servers.md](mcp-servers.md).`

function settingCells({ name, variables, type, unit, default: fallback, effect }: SettingRow): string[] {
  return [
    `\`${name}\``,
    variables.map((variable) => `\`${variable}\``).join(', '),
    type,
    unit ?? '',
    fallback ?? '–',
    effect,
  ]
}

function keysSection({ title, keys }: FileKeys): string {
  const rows = Object.entries(keys).map(([key, cells]) => [`\`${key}\``, ...cells])
  return `### ${title}\n\n${table(['key', 'type', 'default', 'effect'], rows)}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

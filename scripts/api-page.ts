import { ERRORS } from '../src/base/errors.ts'
import type { ErrorCode } from '../src/base/errors.ts'
import { API_ROUTES, REST_PREFIXES, ROOT_ROUTES } from '../src/server/rest/routes.ts'

type Route = (typeof API_ROUTES)[number]

/** The reference page of the REST door, written from its route table and the error table. */
export function apiPage(): string {
  const parts = [
    HEAD,
    `## Below ${REST_PREFIXES.map((prefix) => `\`${prefix}\``).join(' and ')}`,
    routeTable(API_ROUTES),
    '## At the root',
    routeTable(ROOT_ROUTES),
    TOOLS,
    HEADERS,
    ENVELOPE,
    ERRORS_HEAD,
    errorTable(),
  ]
  return `${parts.join('\n\n')}\n`
}

const HEAD = `# REST

<!-- Written by scripts/docs.ts from src/server/rest/routes.ts; change it there. -->

OpenAI’s and OpenRouter’s APIs, on \`rest.sock\` and on the TCP door if there is one. Requests and answers are theirs; what a
client sends beyond what the broker reads passes on to the provider. On \`web_v1.sock\` the same routes are also served
without a prefix.

\`\`\`sh
curl --unix-socket ~/hero/var/sockets/hero_aibroker/rest.sock http://localhost/v1/chat/completions \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}'
\`\`\`

\`GET /health\` and \`GET /.well-known/heroservice.json\` answer on every socket. Times in queries are Unix seconds.`

const TOOLS = `## Tools

\`GET /mcp/tools\` lists the tools of all MCP servers, \`POST /mcp/tools/{name}\` calls one with the JSON object of its body.
MCP clients connect to \`/mcp\` (Streamable HTTP) or \`/mcp/sse\`.`

const HEADERS = `## Headers

| header | meaning |
| --- | --- |
| \`Authorization: Bearer …\` | a token of \`tokens.create\`, the administrator’s, or one signed with \`HERO_SECRET\` |
| \`X-Hero-Context\` | on a Unix socket: the context a request belongs to |
| \`X-Forwarded-For\` | on a Unix socket: the address a front asks for; it pays |
| \`HTTP-Referer\`, \`X-Title\` | the app that asks, for the ledger and for OpenRouter |
| \`Idempotency-Key\` | a repeated request gets the first one’s answer, and is booked once |
| \`X-Generation-Id\`, \`X-Request-Id\` (answer) | the id under which the ledger and \`GET /generation\` know the request |
| \`X-Aibroker-Tried\` (answer) | the endpoints that were asked, in order |`

const ENVELOPE = `## What the broker adds

\`x_aibroker\` in an answer, and in the last chunk of a stream:

| field | meaning |
| --- | --- |
| \`provider\`, \`model\`, \`endpoint\` | who answered |
| \`attempts\`, \`tried\`, \`failed_attempts\` | how many were asked, who, and why the others didn’t answer |
| \`cost\` | US dollars, as booked; \`unpriced: true\` in its place where nobody knows the price |
| \`estimated\` | the provider reported no usable counts: \`usage\` and \`cost\` are a guess, and the ledger books what a tokenizer counts, with bounds (\`GET /generation\`) |
| \`limited\` | the answer was kept short because a budget affords no more |
| \`context_compression\` | what was taken out of a prompt that was too long |
| \`latency_ms\` | from the request to this |`

const ERRORS_HEAD = `## Errors

\`{"error": {"code": 429, "message": "…", "metadata": {"code": "over-limit", "error_type": "rate_limit_exceeded"}}}\`:
\`metadata.code\` is the broker’s own word, beside it what else is known (\`provider_name\`, \`provider_status\`, \`raw\`,
\`retry_after_seconds\`; \`may_cost\` where the provider may bill it all the same). After the first words of a stream an error
comes as an event of the same shape.`

function routeTable(routes: readonly Route[]): string {
  return table(
    ['route', 'answers', 'query'],
    routes.map(({ method, path, shown = path, summary, query = [] }) => [
      `${method} \`${shown}\``,
      summary,
      query.map((name) => `\`${name}\``).join(' '),
    ]),
  )
}

function errorTable(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  return table(
    ['code', 'HTTP', 'error_type'],
    codes.map((code) => [`\`${code}\``, String(ERRORS[code].http), ERRORS[code].type]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

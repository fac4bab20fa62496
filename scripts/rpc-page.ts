import { ERRORS } from '../src/base/errors.ts'
import type { ErrorCode } from '../src/base/errors.ts'
import { openRpcDocument } from '../src/wire/rpc/document.ts'
import { MAX_BATCH, MOST_LETTERS } from '../src/wire/rpc/message.ts'
import { methods, TAKE_MUCH } from '../src/wire/rpc/methods.ts'

/** The reference page of the RPC door, written from its contract. */
export function rpcPage(): string {
  const { methods: described, components } = openRpcDocument(methods, '0')
  const parts = [
    HEAD,
    ...(described as unknown as readonly Described[]).map(methodPart),
    '## Shapes',
    ...Object.entries(components.schemas as Record<string, Schema>).map(shapePart),
    errorPart(),
  ]
  return `${parts.join('\n\n')}\n`
}

const HEAD = `# JSON-RPC

<!-- Written by scripts/docs.ts from src/wire/rpc/methods.ts; change it there. -->

The broker is looked at and administered through JSON-RPC 2.0: \`POST /rpc\` on \`rpc.sock\`, and on the TCP door if there is one.

\`\`\`sh
curl --unix-socket ~/hero/var/sockets/hero_aibroker/rpc.sock http://localhost/rpc \\
  -H 'Content-Type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"health"}'
\`\`\`

Params go by name or by position, in the order of the tables below. Up to ${MAX_BATCH} calls may go in one batch; they run side by
side. A call without an \`id\` is not answered (HTTP 204). Everything else is HTTP 200, whatever became of the call. Amounts
of money are exact decimal strings in US dollars. The same contract as an OpenRPC document: \`GET /openrpc.json\`, or
\`rpc.discover\`.

Calls may be ${MOST_LETTERS.toLocaleString('en-US')} letters long together; those of ${TAKE_MUCH.map((name) => `\`${name}\``).join(', ')} may be as long as the body of a chat.

A method that **streams** (\`x-streams\` in the document) goes on answering who sends \`Accept: text/event-stream\`: each event is
an answer to the same call, a failure is the last of them, and hanging up ends it.

Who may call: **open** is anybody who reaches the door, **caller** anybody the broker knows, **admin** an administrator.`

interface Schema {
  readonly type?: string | readonly string[]
  readonly $ref?: string
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema
  readonly description?: string
}

interface Described {
  readonly name: string
  readonly summary: string
  readonly description?: string
  readonly params: readonly { name: string; description?: string; required: boolean; schema: Schema }[]
  readonly result: { readonly schema: Schema }
  readonly examples: readonly [
    { params: readonly { name: string; value: unknown }[]; result: { value: unknown } },
  ]
  readonly 'x-role': string
  readonly 'x-streams'?: true
}

function methodPart({
  name,
  summary,
  description,
  params,
  result,
  examples: [example],
  ...rest
}: Described): string {
  const asked = Object.fromEntries(example.params.map(({ name, value }) => [name, value]))
  return [
    `## \`${name}\``,
    `${summary}. (${rest['x-role']}${rest['x-streams'] === true ? ', streams' : ''})`,
    ...(description === undefined ? [] : [description]),
    params.length === 0
      ? 'No params.'
      : table(
          ['param', 'type', 'meaning'],
          params.map((one) => [
            `\`${one.name}\`${one.required ? '' : '?'}`,
            typeName(one.schema),
            one.description ?? '',
          ]),
        ),
    'Result:',
    result.schema.properties === undefined ? typeName(result.schema) : fieldTable(result.schema),
    `\`\`\`jsonc\n// ${name} ${JSON.stringify(asked)}\n${JSON.stringify(example.result.value, undefined, 2)}\n\`\`\``,
  ].join('\n\n')
}

function shapePart([name, schema]: [string, Schema]): string {
  const lines = [`### ${name}`]
  if (schema.description !== undefined) lines.push(schema.description)
  lines.push(schema.properties === undefined ? typeName({ ...schema, description: '' }) : fieldTable(schema))
  return lines.join('\n\n')
}

function fieldTable({ properties = {}, required = [] }: Schema): string {
  return table(
    ['field', 'type', 'meaning'],
    Object.entries(properties).map(([field, schema]) => [
      `\`${field}\`${required.includes(field) ? '' : '?'}`,
      typeName(schema),
      schema.description ?? '',
    ]),
  )
}

function typeName(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return `[${name}](#${name.toLowerCase()})`
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(' or ')
  if (schema.items !== undefined) return `list of ${typeName(schema.items)}`
  const parts = schema.allOf ?? schema.anyOf
  if (parts !== undefined) return parts.map(typeName).join(' or ')
  if (schema.properties !== undefined) {
    return `{ ${Object.entries(schema.properties)
      .map(([field, inner]) => `${field}: ${typeName(inner)}`)
      .join(', ')} }`
  }
  const values = schema.additionalProperties
  if (values !== undefined && Object.keys(values).length > 0) return `map of names to ${typeName(values)}`
  return schema.type === undefined ? 'anything' : [schema.type].flat().join(' or ')
}

function errorPart(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => [
    `\`${code}\``,
    String(ERRORS[code].rpc),
    String(ERRORS[code].http),
    String(ERRORS[code].exit),
  ])
  return [
    '## Errors',
    'An error carries our word for it in `data.code`, and what else is known beside it (`provider`, `status`, `retry_after`). ' +
      'JSON-RPC’s own codes: -32700 no JSON, -32600 no call, -32601 no such method (with the nearest names in `data.did_you_mean`).',
    table(['code', 'JSON-RPC', 'HTTP', 'CLI exit'], rows),
  ].join('\n\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(escape).join(' | ')} |`).join('\n')
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|')
}

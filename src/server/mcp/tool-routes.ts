import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { modelDescription, modelSchema } from '../../mcp/policy/model-schema.ts'
import { toolArguments } from '../../mcp/policy/tool-arguments.ts'
import type { ListedTool } from '../../mcp/types.ts'
import type { McpAccess } from './caller-lookup.ts'
import { disconnectSignal } from './transport/web-response.ts'

/**
 * `GET /mcp/tools` and `POST /mcp/tools/:name`: the tools for clients of plain HTTP. The body of a call is the object of its
 * arguments; the response is the result of the tool, with status 200 even if it has `isError`. The list has the definitions as the
 * servers wrote them, and with `?form=model` as a chat shows them to a model.
 */
export function registerToolRoutes(app: FastifyInstance, { toolBroker, authenticate }: McpAccess): void {
  app.get<{ Querystring: { form?: unknown } }>('/mcp/tools', async (request, reply) => {
    const caller = await authenticate(request)
    const { tools, unavailable } = await toolBroker.listTools(caller, disconnectSignal(reply.raw))
    const rows = tools.map(request.query.form === 'model' ? asModelRow : asRow)
    return withEtag(request, reply, JSON.stringify({ tools: rows, unavailable }))
  })

  app.post<{ Params: { name: string } }>('/mcp/tools/:name', async (request, reply) => {
    const caller = await authenticate(request)
    return toolBroker.callTool(caller, request.params.name, toolArguments(request.body), {
      signal: disconnectSignal(reply.raw),
    })
  })
}

function asRow({ server, definition }: ListedTool) {
  const { name, title, description, inputSchema, outputSchema, annotations } = definition
  return { name, server, title, description, inputSchema, outputSchema, annotations }
}

function asModelRow({ server, definition }: ListedTool) {
  const { name, title, description, inputSchema } = definition
  return {
    name,
    server,
    description: modelDescription(description ?? title),
    inputSchema: modelSchema(inputSchema),
  }
}

function withEtag(request: FastifyRequest, reply: FastifyReply, body: string): FastifyReply {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  void reply.header('etag', etag).header('cache-control', 'private, no-cache')
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  return reply.type('application/json').send(body)
}

// The server that the official conformance suite expects behind an endpoint: its tools, resources and prompts by name.
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ContentBlock,
  McpServer,
  ResourceTemplate,
  type ServerContext,
  acceptedContent,
  completable,
  createRequestStateCodec,
  fromJsonSchema,
  inputRequired,
  inputResponse,
} from '@modelcontextprotocol/server'
import * as z from 'zod'

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg=='
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA='

const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] })
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))
const form = (properties: Record<string, { type: 'string' } | { type: 'boolean' }>) => ({
  type: 'object' as const,
  properties,
  required: Object.keys(properties),
})
const requestName = (message: string) =>
  inputRequired.elicit({ message, requestedSchema: form({ name: { type: 'string' } }) })
const requestMessage = (question: string, maxTokens = 100) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens,
  })

const states = createRequestStateCodec<{ step: number }>({ key: 'a key of the conformance fixture, 32+' })

export function conformanceServer(): McpServer {
  const server = new McpServer(
    { name: 'conformance-fixture', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: (state, context) => states.verify(state, context) },
    },
  )
  addContentTools(server)
  addNotifyingTools(server)
  addRequestingTools(server)
  addInputRequiredTools(server)
  addSchemaTools(server)
  addResources(server)
  addPrompts(server)
  return server
}

function addContentTools(server: McpServer): void {
  const image = { type: 'image' as const, data: PNG, mimeType: 'image/png' }
  const resource = (uri: string, mimeType: string, words: string) => ({
    type: 'resource' as const,
    resource: { uri, mimeType, text: words },
  })
  const tool = (name: string, content: ContentBlock[]) =>
    server.registerTool(name, { description: `Answers with ${name.slice(5)}` }, () => ({ content }))
  tool('test_simple_text', [{ type: 'text', text: 'This is a simple text response for testing.' }])
  tool('test_image_content', [image])
  tool('test_audio_content', [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }])
  tool('test_embedded_resource', [
    resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
  ])
  tool('test_multiple_content_types', [
    { type: 'text', text: 'Multiple content types test:' },
    image,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ])
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
}

function addNotifyingTools(server: McpServer): void {
  server.registerTool(
    'test_tool_with_logging',
    { description: 'Logs while it works' },
    async ({ mcpReq }) => {
      for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await mcpReq.log('info', words)
        await pause()
      }
      return text('done')
    },
  )
  server.registerTool('test_logging_tool', { description: 'Logs once' }, async ({ mcpReq }) => {
    await mcpReq.log('info', 'a word')
    return text('done')
  })
  server.registerTool(
    'test_tool_with_progress',
    { description: 'Tells how far it is' },
    async ({ mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) {
          const params = { progressToken, progress, total: 100 }
          await mcpReq.notify({ method: 'notifications/progress', params })
        }
        await pause()
      }
      return text('done')
    },
  )
}

function addRequestingTools(server: McpServer): void {
  const elicited = ({ action, content }: { action: string; content?: unknown }): string =>
    `action=${action}, content=${JSON.stringify(content ?? {})}`
  server.registerTool(
    'test_sampling',
    { description: 'Asks the client’s model', inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, { mcpReq }) => {
      const { content } = await mcpReq.requestSampling({
        messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
        maxTokens: 100,
      })
      const [block] = [content].flat()
      return text(`LLM response: ${block?.type === 'text' ? block.text : ''}`)
    },
  )
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: z.object({ message: z.string() }) },
    async ({ message }, { mcpReq }) => {
      const requestedSchema = form({ username: { type: 'string' }, email: { type: 'string' } })
      return text(
        `User response: ${elicited(await mcpReq.elicitInput({ mode: 'form', message, requestedSchema }))}`,
      )
    },
  )
  server.registerTool(
    'test_elicitation_sep1034_defaults',
    { description: 'Asks with defaults' },
    async ({ mcpReq }) => {
      const answer = await mcpReq.elicitInput({
        mode: 'form',
        message: 'Please look these over',
        requestedSchema: {
          type: 'object',
          properties: {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
        },
      })
      return text(`Elicitation completed: ${elicited(answer)}`)
    },
  )
  const titled = (prefix: string, titles: string[]) =>
    titles.map((title, index) => ({ const: `${prefix}${index + 1}`, title }))
  server.registerTool(
    'test_elicitation_sep1330_enums',
    { description: 'Asks for choices' },
    async ({ mcpReq }) => {
      const options = ['option1', 'option2', 'option3']
      const answer = await mcpReq.elicitInput({
        mode: 'form',
        message: 'Please choose',
        requestedSchema: {
          type: 'object',
          properties: {
            untitledSingle: { type: 'string', enum: options },
            titledSingle: {
              type: 'string',
              oneOf: titled('value', ['First Option', 'Second Option', 'Third Option']),
            },
            legacyEnum: {
              type: 'string',
              enum: ['opt1', 'opt2', 'opt3'],
              enumNames: ['Option One', 'Option Two', 'Option Three'],
            },
            untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
            titledMulti: {
              type: 'array',
              items: { anyOf: titled('value', ['First Choice', 'Second Choice', 'Third Choice']) },
            },
          },
        },
      })
      return text(`Elicitation completed: ${elicited(answer)}`)
    },
  )
}

function addInputRequiredTools(server: McpServer): void {
  const tool = (
    name: string,
    run: (
      context: ServerContext,
    ) =>
      | ReturnType<typeof text>
      | ReturnType<typeof inputRequired>
      | Promise<ReturnType<typeof text> | ReturnType<typeof inputRequired>>,
  ) => server.registerTool(name, { description: `Needs an answer: ${name.slice(5)}` }, run)
  const accepted = ({ mcpReq }: ServerContext, key: string): Record<string, unknown> | undefined =>
    acceptedContent(mcpReq.inputResponses, key)

  tool('test_input_required_result_elicitation', (context) => {
    const answer = accepted(context, 'user_name')
    if (typeof answer?.['name'] === 'string') return text(`Hello, ${answer['name']}!`)
    return inputRequired({ inputRequests: { user_name: requestName('What is your name?') } })
  })
  tool('test_input_required_result_sampling', ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'capital_question')
    if (answer.kind !== 'missing') return text(`The model said ${JSON.stringify(answer)}`)
    return inputRequired({
      inputRequests: { capital_question: requestMessage('What is the capital of France?') },
    })
  })
  tool('test_input_required_result_list_roots', ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, 'client_roots')
    if (answer.kind !== 'missing') return text(`The roots are ${JSON.stringify(answer)}`)
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  })
  tool('test_input_required_result_multiple_inputs', async ({ mcpReq }) => {
    const keys = ['user_name', 'greeting', 'client_roots']
    if (keys.every((key) => inputResponse(mcpReq.inputResponses, key).kind !== 'missing'))
      return text('all there')
    return inputRequired({
      inputRequests: {
        user_name: requestName('What is your name?'),
        greeting: requestMessage('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await states.mint({ step: 1 }),
    })
  })
  for (const name of [
    'test_input_required_result_request_state',
    'test_input_required_result_tampered_state',
  ]) {
    tool(name, async (context) => {
      const { step } = context.mcpReq.requestState<{ step: number }>() ?? { step: 0 }
      if (step === 1 && accepted(context, 'confirm') !== undefined) return text('state-ok')
      const confirm = inputRequired.elicit({
        message: 'Please confirm',
        requestedSchema: form({ ok: { type: 'boolean' } }),
      })
      return inputRequired({ inputRequests: { confirm }, requestState: await states.mint({ step: 1 }) })
    })
  }
  tool('test_input_required_result_multi_round', async (context) => {
    const { step } = context.mcpReq.requestState<{ step: number }>() ?? { step: 0 }
    if (step === 2 && accepted(context, 'step2') !== undefined) return text('both steps are done')
    if (step === 1 && accepted(context, 'step1') !== undefined) {
      const step2 = inputRequired.elicit({
        message: 'Step 2: What is your favorite color?',
        requestedSchema: form({ color: { type: 'string' } }),
      })
      return inputRequired({ inputRequests: { step2 }, requestState: await states.mint({ step: 2 }) })
    }
    const step1 = requestName('Step 1: What is your name?')
    return inputRequired({ inputRequests: { step1 }, requestState: await states.mint({ step: 1 }) })
  })
  tool('test_input_required_result_capabilities', ({ mcpReq }) => {
    const envelope: { readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities } = mcpReq.envelope ?? {}
    const { elicitation, sampling } = envelope[CLIENT_CAPABILITIES_META_KEY] ?? {}
    return inputRequired({
      inputRequests: {
        ...(elicitation !== undefined && { name: requestName('What is your name?') }),
        ...(sampling !== undefined && { question: requestMessage('What is the capital of France?') }),
      },
    })
  })
  tool('test_missing_capability', () =>
    inputRequired({ inputRequests: { question: requestMessage('Are you there?') } }),
  )
  tool('test_streaming_elicitation', () =>
    inputRequired({ inputRequests: { name: requestName('Who are you?') } }),
  )
}

function addSchemaTools(server: McpServer): void {
  server.registerTool(
    'test_headers_region',
    {
      description: 'Has an argument that travels as a header too',
      inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }).optional() }),
    },
    ({ region }) => text(`region ${region ?? 'unknown'}`),
  )
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object' as const,
    $defs: {
      address: {
        $anchor: 'addressDef',
        type: 'object',
        properties: { street: { type: 'string' }, city: { type: 'string' } },
      },
    },
    properties: {
      name: { type: 'string' },
      address: { $ref: '#/$defs/address' },
      contactMethod: { type: 'string', enum: ['phone', 'email'] },
      phone: { type: 'string' },
      email: { type: 'string' },
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false,
  }
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'Has a schema with everything', inputSchema: fromJsonSchema(schema) },
    () => text('fits'),
  )
}

function addResources(server: McpServer): void {
  const plain = (name: string, uri: string, words: string) =>
    server.registerResource(name, uri, { description: name, mimeType: 'text/plain' }, () => ({
      contents: [{ uri, mimeType: 'text/plain', text: words }],
    }))
  plain('Static text', 'test://static-text', 'This is the content of the static text resource.')
  plain('Watched', 'test://watched-resource', 'Watched resource content')
  const binary = 'test://static-binary'
  server.registerResource(
    'Static binary',
    binary,
    { description: 'A picture', mimeType: 'image/png' },
    () => ({
      contents: [{ uri: binary, mimeType: 'image/png', blob: PNG }],
    }),
  )
  server.registerResource(
    'Template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'Data by id', mimeType: 'application/json' },
    (uri, { id }) => {
      const data = { id, templateTest: true, data: `Data for ID: ${String(id)}` }
      return { contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(data) }] }
    },
  )
  server.server.setRequestHandler('resources/subscribe', () => ({}))
  server.server.setRequestHandler('resources/unsubscribe', () => ({}))
}

function addPrompts(server: McpServer): void {
  const says = (words: string) => ({ role: 'user' as const, content: { type: 'text' as const, text: words } })
  server.registerPrompt('test_simple_prompt', { description: 'Simple' }, () => ({
    messages: [says('This is a simple prompt for testing.')],
  }))
  const places = (value: string): string[] =>
    ['paris', 'park', 'party'].filter((place) => place.startsWith(value))
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'Two arguments',
      argsSchema: z.object({ arg1: completable(z.string(), places), arg2: z.string() }),
    },
    ({ arg1, arg2 }) => ({ messages: [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Embeds a resource', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri: uri }) => {
      const resource = { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' }
      return {
        messages: [
          { role: 'user', content: { type: 'resource', resource } },
          says('Please process the embedded resource above.'),
        ],
      }
    },
  )
  server.registerPrompt('test_prompt_with_image', { description: 'Shows a picture' }, () => ({
    messages: [
      { role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
      says('Please analyze the image above.'),
    ],
  }))
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'Needs an answer' },
    ({ mcpReq }) => {
      const answer: Record<string, unknown> | undefined = acceptedContent(
        mcpReq.inputResponses,
        'user_context',
      )
      if (answer !== undefined) return { messages: [says(`In the context of ${String(answer['context'])}`)] }
      const user_context = inputRequired.elicit({
        message: 'What context should the prompt use?',
        requestedSchema: form({ context: { type: 'string' } }),
      })
      return inputRequired({ inputRequests: { user_context } })
    },
  )
}

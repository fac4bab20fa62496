import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anthropicMessages } from '../../src/dialects/anthropic/anthropic.ts'
import { writeRequest } from '../../src/dialects/anthropic/provider/request-out.ts'
import { geminiContent } from '../../src/dialects/gemini/gemini.ts'
import { writeRequest as writeGemini } from '../../src/dialects/gemini/provider/request-out.ts'
import { writeRequest as writeResponses } from '../../src/dialects/responses/provider/request-out.ts'
import { narrowChat } from '../../src/dialects/chat/narrow-chat.ts'
import { parseJsonBody, type JsonBody } from '../../src/wire/json/json-body.ts'
import { spliceFields } from '../../src/wire/json/splice-fields.ts'

type Body = Readonly<Record<string, unknown>>

const FOLDER = join(import.meta.dirname, '..', 'golden', 'dialects')
const PNG = 'iVBORw0='
const schema = { type: 'object', properties: { city: { type: 'string' } } }
const hi = { role: 'user', content: 'hi' }

/** One feature of a chat each, as its caller writes it. */
const CHATS: Readonly<Record<string, Body>> = {
  plain: { messages: [{ role: 'system', content: 'be brief' }, hi], temperature: 1.5, stop: 'END' },
  tools: {
    messages: [
      hi,
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ghent"}' } },
          { id: 'call_2', type: 'function', function: { name: 'weather', arguments: '' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      { role: 'tool', tool_call_id: 'call_2', content: 'sun' },
      { role: 'user', content: 'and now?' },
    ],
    tools: [
      { type: 'function', function: { name: 'weather', description: 'The weather', parameters: schema } },
    ],
    tool_choice: 'required',
    parallel_tool_calls: false,
  },
  image: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}`, detail: 'low' } },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ],
      },
    ],
  },
  'late-system': {
    messages: [hi, { role: 'assistant', content: 'hello' }, { role: 'system', content: 'be rude' }, hi],
  },
  reasoning: { messages: [hi], max_tokens: 4000, reasoning: { effort: 'xhigh' } },
  'json-schema': {
    messages: [hi],
    response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } },
  },
}

/** One feature of the Messages API each. */
const MESSAGES: Readonly<Record<string, Body>> = {
  plain: { system: 'be brief', messages: [hi], stop_sequences: ['END'], metadata: { user_id: 'someone' } },
  'claude-code': {
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2; cch=12345;' },
      { type: 'text', text: 'You are a coding agent.', cache_control: { type: 'ephemeral' } },
    ],
    messages: [hi, { role: 'system', content: [{ type: 'text', text: 'Be careful.' }] }],
    thinking: { type: 'adaptive', display: 'omitted' },
    output_config: { effort: 'high' },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    tools: [{ name: 'Write', input_schema: schema, eager_input_streaming: true }],
  },
  'tool-results': {
    messages: [
      hi,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'aib1.0123456789abcdef.sig' },
          { type: 'text', text: 'looking' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
          { type: 'tool_use', id: 'toolu_2', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            content: [
              { type: 'text', text: 'a picture' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
            ],
          },
          { type: 'tool_result', tool_use_id: 'toolu_2', content: 'no such file', is_error: true },
          { type: 'text', text: 'go on' },
        ],
      },
    ],
    tools: [{ name: 'look', input_schema: schema }],
  },
  documents: {
    messages: [
      {
        role: 'user',
        content: [
          {
            type: 'document',
            source: { type: 'text', media_type: 'text/plain', data: 'words' },
            title: 'a.txt',
          },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } },
          { type: 'text', text: '' },
          { type: 'text', text: 'summarise' },
        ],
      },
    ],
  },
  'server-tools': {
    messages: [hi],
    tools: [
      { type: 'web_search_20250305', name: 'web_search' },
      { name: 'look', input_schema: schema },
    ],
  },
}

/** One feature of Gemini's API each. */
const CONTENTS: Readonly<Record<string, Body>> = {
  plain: {
    systemInstruction: { role: 'user', parts: [{ text: 'be brief' }] },
    contents: [{ parts: [{ text: 'hi' }] }],
    generationConfig: { temperature: 1, topP: 0.95, topK: 64, stopSequences: ['END'], maxOutputTokens: 9 },
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
  },
  'gemini-cli': {
    systemInstruction: { role: 'user', parts: [{ text: 'You are a coding agent.' }] },
    contents: [
      { role: 'user', parts: [{ text: 'the folder is empty' }] },
      { role: 'user', parts: [{ text: 'write it' }] },
      {
        role: 'model',
        parts: [
          {
            functionCall: { id: 'write_1_0', name: 'write_file', args: { file_path: '/a' } },
            thoughtSignature: 'skip_thought_signature_validator',
          },
          { functionCall: { id: 'write_1_1', name: 'write_file', args: { file_path: '/b' } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'write_1_0', name: 'write_file', response: { output: 'written' } } },
          {
            functionResponse: { id: 'write_1_1', name: 'write_file', response: { error: 'no such folder' } },
          },
        ],
      },
    ],
    tools: [
      {
        functionDeclarations: [
          {
            name: 'write_file',
            parametersJsonSchema: {
              type: 'OBJECT',
              properties: { file_path: { type: 'STRING', nullable: true } },
            },
          },
        ],
      },
    ],
    generationConfig: { temperature: 1, thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true } },
  },
  'calls-without-ids': {
    contents: [
      { role: 'user', parts: [{ text: 'weather' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { name: 'weather', args: { city: 'Ghent' } } },
          { functionCall: { name: 'time' } },
          { functionCall: { name: 'weather', args: { city: 'Bruges' } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'time', response: { hour: 7 } } },
          { functionResponse: { name: 'weather', response: { output: 'rain in Ghent' } } },
          { functionResponse: { name: 'weather', response: { output: 'sun in Bruges' } } },
        ],
      },
    ],
  },
  media: {
    contents: [
      {
        parts: [
          { text: 'what are these?' },
          { inlineData: { mimeType: 'image/png', data: PNG } },
          { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
          { fileData: { mimeType: 'image/png', fileUri: 'https://example.com/a.png' } },
        ],
      },
    ],
  },
  'json-schema': {
    contents: [{ parts: [{ text: 'hi' }] }],
    generationConfig: {
      responseMimeType: 'application/json',
      responseSchema: {
        type: 'OBJECT',
        properties: { n: { type: 'ARRAY', items: { type: 'INTEGER' }, maxItems: '3' } },
      },
    },
  },
  'hosted-tools': {
    contents: [{ parts: [{ text: 'hi' }] }],
    tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: 'look' }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look'] } },
  },
}

function parse(body: Body) {
  return parseJsonBody(new TextEncoder().encode(JSON.stringify(body)))
}

function toAnthropic(value: Body, takesLateSystem = true): object {
  return writeRequest(value, {
    modelId: 'claude-opus-5-5',
    stream: false,
    maxOutputTokens: 64_000,
    reasons: true,
    takesLateSystem,
    open: () => undefined,
  })
}

function toGemini(value: Body): object {
  return writeGemini(value, { modelId: 'gemini-3.1-pro', reasons: true, open: () => undefined })
}

function toResponses(value: Body): object {
  return writeResponses(value, {
    modelId: 'gpt-5.6-sol',
    stream: false,
    reasons: true,
    open: () => undefined,
  })
}

function readMessages(request: Body) {
  const whole = { model: 'm', max_tokens: 100, ...request }
  return anthropicMessages.readRequest({ body: parse(whole), url: '/v1/messages', headers: {} })
}

function readContents(request: Body) {
  return geminiContent.readRequest({
    body: parse(request),
    url: '/v1beta/models/m:generateContent',
    headers: {},
  })
}

function toChat(body: JsonBody): object {
  const { changes, dropped } = narrowChat(body.value, {
    reasons: true,
    takesCacheMarks: false,
    takesReasoning: false,
    takesLateSystem: false,
  })
  return { request: JSON.parse(spliceFields(body, changes)) as unknown, dropped }
}

function golden(name: string): string {
  return join(FOLDER, name)
}

function written(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

describe('a chat as a request of the Messages API', () => {
  test.each(Object.entries(CHATS))('%s', async (name, chat) => {
    await expect(written(toAnthropic({ model: 'm', ...chat }))).toMatchFileSnapshot(
      golden(`chat-to-anthropic/${name}.json`),
    )
  })

  test('a late system message becomes text of the user where the server takes none', async () => {
    const chat = { model: 'm', ...CHATS['late-system'] }
    await expect(written(toAnthropic(chat, false))).toMatchFileSnapshot(
      golden('chat-to-anthropic/late-system-refused.json'),
    )
  })
})

describe('a request of the Messages API as a chat', () => {
  test.each(Object.entries(MESSAGES))('%s', async (name, request) => {
    await expect(written(toChat(readMessages(request)))).toMatchFileSnapshot(
      golden(`anthropic-to-chat/${name}.json`),
    )
  })

  test.each([
    ['mcp_servers', { mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }] }],
    ['container', { container: 'c' }],
    ['inference_geo', { inference_geo: 'eu' }],
    [
      'image',
      { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] }] },
    ],
  ])('%s is refused by its name', (name, fields) => {
    expect(() => toChat(readMessages({ messages: [hi], ...fields }))).toThrow(name)
  })
})

describe('a chat as a request of Gemini’s API', () => {
  test.each(Object.entries(CHATS))('%s', async (name, chat) => {
    const { messages } = chat
    const isFetched = JSON.stringify(messages).includes('https:')
    if (isFetched) expect(() => toGemini(chat)).toThrow('images by their address')
    else await expect(written(toGemini(chat))).toMatchFileSnapshot(golden(`chat-to-gemini/${name}.json`))
  })
})

describe('a request of Gemini’s API as a chat', () => {
  test.each(Object.entries(CONTENTS))('%s', async (name, request) => {
    await expect(written(toChat(readContents(request)))).toMatchFileSnapshot(
      golden(`gemini-to-chat/${name}.json`),
    )
  })

  test.each([
    ['cachedContent', { cachedContent: 'cachedContents/x' }],
    ['generationConfig.responseModalities', { generationConfig: { responseModalities: ['IMAGE'] } }],
    ['fileData', { contents: [{ parts: [{ fileData: { fileUri: 'https://www.youtube.com/watch?v=x' } }] }] }],
  ])('%s is refused by its name', (name, fields) => {
    const contents = [{ parts: [{ text: 'hi' }] }]
    expect(() => toChat(readContents({ contents, ...fields }))).toThrow(name)
  })
})

describe('between the dialects of Anthropic and Google', () => {
  test.each(Object.entries(MESSAGES))('the Messages request %s at Google', async (name, request) => {
    await expect(written(toGemini(readMessages(request).value))).toMatchFileSnapshot(
      golden(`anthropic-to-gemini/${name}.json`),
    )
  })

  test.each(Object.entries(CONTENTS))('the Gemini request %s at Anthropic', async (name, request) => {
    await expect(written(toAnthropic(readContents(request).value))).toMatchFileSnapshot(
      golden(`gemini-to-anthropic/${name}.json`),
    )
  })
})

describe('the Gemini request at a provider of the Responses API', () => {
  const { plain, ...carried } = CONTENTS

  test('texts that stop the answer are refused by their name', () => {
    expect(() => toResponses(readContents({ ...plain }).value)).toThrow('stop')
  })

  test.each(Object.entries(carried))('%s', async (name, request) => {
    await expect(written(toResponses(readContents(request).value))).toMatchFileSnapshot(
      golden(`gemini-to-responses/${name}.json`),
    )
  })
})

import { check, property, type Arbitrary } from 'fast-check'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { geminiContent } from '../../src/dialects/gemini/gemini.ts'
import { writeRequest } from '../../src/dialects/gemini/provider/request-out.ts'
import { parseJsonBody } from '../../src/wire/json/json-body.ts'

type Body = Readonly<Record<string, unknown>>

/** A request in the vocabulary and back, for a provider that made all its signatures. */
function roundTrip(request: Body): Body {
  const body = parseJsonBody(new TextEncoder().encode(JSON.stringify(request)))
  const chat = geminiContent.readRequest({ body, url: '/v1beta/models/m:generateContent', headers: {} })
  return writeRequest(chat.value, { modelId: 'gemini-2.5-pro', reasons: undefined, open: (sealed) => sealed })
    .request
}

const text = fc.string({ minLength: 1, maxLength: 8 })
const name = fc.stringMatching(/^[a-z]{1,8}$/)
/** As a caller holds it: the base64 of a seal. */
const signature = name.map((blob) => Buffer.from(`aib1.0123456789abcdef.${blob}`).toString('base64'))
const signed = <T extends object>(part: Arbitrary<T>): Arbitrary<object> =>
  fc
    .tuple(part, fc.option(signature, { nil: undefined }))
    .map(([one, thoughtSignature]) => (thoughtSignature === undefined ? one : { ...one, thoughtSignature }))

const textPart = fc.record({ text })
const mediaPart = fc.constantFrom<object>(
  { inlineData: { mimeType: 'image/png', data: 'iVBORw0=' } },
  {
    inlineData: { mimeType: 'image/png', data: 'iVBORw0=' },
    mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' },
  },
  { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
  { inlineData: { mimeType: 'audio/wav', data: 'UklGRg==' } },
  { inlineData: { mimeType: 'video/mp4', data: 'AAAA' }, videoMetadata: { fps: 1 } },
  { fileData: { mimeType: 'image/png', fileUri: 'https://example.com/a.png' } },
  { fileData: { mimeType: 'video/mp4', fileUri: 'https://www.youtube.com/watch?v=x' } },
  { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } },
)
const response = fc.oneof(
  fc.record({ output: text }),
  fc.record({ error: text }),
  fc.record({ result: fc.integer(), more: fc.boolean() }),
)
const result = fc.record(
  {
    functionResponse: fc.record(
      {
        id: name,
        name,
        response,
        parts: fc.constant([{ inlineData: { mimeType: 'image/png', data: 'iVBORw0=' } }]),
      },
      { requiredKeys: ['name', 'response'] },
    ),
  },
  { requiredKeys: ['functionResponse'] },
)
const call = signed(
  fc.record({
    functionCall: fc.record(
      { id: name, name, args: fc.dictionary(name, fc.oneof(text, fc.integer(), fc.boolean())) },
      { requiredKeys: ['name'] },
    ),
  }),
)
const thought = signed(fc.record({ text, thought: fc.constant(true) }))
const codePart = fc.constantFrom<object>(
  { executableCode: { language: 'PYTHON', code: 'print(1)' } },
  { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
)
const parts = <T>(part: Arbitrary<T>) => fc.array(part, { minLength: 1, maxLength: 4 })
const content = fc.oneof(
  fc.record({ role: fc.constant('user'), parts: parts(fc.oneof(textPart, mediaPart)) }),
  fc.record({
    role: fc.constant('user'),
    parts: fc
      .tuple(parts(result), fc.array(fc.oneof(textPart, mediaPart), { maxLength: 2 }))
      .map(([results, others]) => [...results, ...others]),
  }),
  fc.record({
    role: fc.constant('model'),
    parts: parts(fc.oneof(signed(textPart), thought, call, codePart)),
  }),
)
/** The results of two turns never follow each other: calls are between them. */
const contents = fc
  .array(content, { minLength: 1, maxLength: 4 })
  .filter((all) => all.every((one, at) => at === 0 || !hasResults(one) || !hasResults(all[at - 1])))

function hasResults(one: object | undefined): boolean {
  return JSON.stringify(one ?? {}).includes('"functionResponse"')
}

const schema = fc.constantFrom<object>(
  {
    type: 'OBJECT',
    properties: { city: { type: 'STRING', nullable: true }, n: { type: 'ARRAY', minItems: '1' } },
  },
  { type: 'object', properties: {} },
)
const declaration = fc.oneof(
  fc.record({ name, description: text, parameters: schema }, { requiredKeys: ['name'] }),
  fc.record(
    { name, parametersJsonSchema: schema, behavior: fc.constant('BLOCKING') },
    { requiredKeys: ['name', 'parametersJsonSchema'] },
  ),
)
const generationConfig = fc.record(
  {
    temperature: fc.constantFrom(0, 1, 2),
    topP: fc.constantFrom(0.1, 0.9),
    topK: fc.integer({ min: 1, max: 40 }),
    candidateCount: fc.constantFrom(1, 2),
    maxOutputTokens: fc.integer({ min: 1, max: 1000 }),
    stopSequences: fc.array(text, { minLength: 1, maxLength: 2 }),
    presencePenalty: fc.constant(0.5),
    frequencyPenalty: fc.constant(0.5),
    seed: fc.integer(),
    responseLogprobs: fc.constant(true),
    logprobs: fc.constant(3),
    responseMimeType: fc.constant('application/json'),
    responseSchema: schema,
    responseModalities: fc.constant(['TEXT']),
    mediaResolution: fc.constant('MEDIA_RESOLUTION_LOW'),
    thinkingConfig: fc.constantFrom<object>(
      { includeThoughts: true, thinkingBudget: -1 },
      { thinkingLevel: 'XHIGH' },
      { thinkingBudget: 0 },
    ),
  },
  { requiredKeys: ['topK'] },
)
const request: Arbitrary<Body> = fc.record(
  {
    contents,
    systemInstruction: fc.record(
      { role: fc.constant('user'), parts: parts(textPart) },
      { requiredKeys: ['parts'] },
    ),
    generationConfig,
    tools: fc
      .tuple(fc.array(declaration, { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([functionDeclarations, runsCode]) => [
        { functionDeclarations },
        ...(runsCode ? [{ codeExecution: {} }] : []),
      ]),
    toolConfig: fc.constantFrom<object>(
      { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['a', 'b'] } },
      { functionCallingConfig: { mode: 'VALIDATED' } },
    ),
    safetySettings: fc.constant([{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }]),
    labels: fc.constant({ team: 'a' }),
  },
  { requiredKeys: ['contents'] },
)

test('a request of generateContent is the same after it was a chat', () => {
  const outcome = check(
    property(request, (given) => {
      expect(roundTrip(given)).toEqual(unwrapped(given))
    }),
    { numRuns: 600 },
  )
  expect({ found: outcome.counterexample, why: String(outcome.errorInstance) }).toMatchObject({ found: null })
})

/** Seals without the base64 in which callers hold them. */
function unwrapped(given: Body): unknown {
  const opened = (key: string, value: unknown): unknown =>
    key === 'thoughtSignature' ? Buffer.from(String(value), 'base64').toString() : value
  return JSON.parse(JSON.stringify(given, opened)) as unknown
}

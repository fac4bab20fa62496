/** What covers a pitfall: a test by its file below `test/` and its name, or one reason. */
export type PitfallState =
  | { readonly file: string; readonly test: string }
  | { readonly notApplicable: string }
  | { readonly open: string }

export interface Pitfall {
  readonly number: number
  /** What goes wrong elsewhere. */
  readonly fault: string
  readonly state: PitfallState
}

/** Faults that other gateways between dialects have had, each with what keeps it away from here. */
export const PITFALLS: readonly Pitfall[] = [
  {
    number: 1,
    fault: 'text and tool blocks share an index',
    state: {
      file: 'dialects/anthropic-stream.test.ts',
      test: 'blocks have indexes without holes, never overlap, and end before the message does',
    },
  },
  {
    number: 2,
    fault: 'a delta of another kind goes into an open block',
    state: {
      file: 'dialects/anthropic-stream.test.ts',
      test: 'blocks have indexes without holes, never overlap, and end before the message does',
    },
  },
  {
    number: 3,
    fault: 'the first piece of arguments is lost when text turns into a call',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'a tool call comes as JSON in deltas and ends with tool_use, although the provider said stop',
    },
  },
  {
    number: 4,
    fault: 'the whole input is placed in content_block_start',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'a tool call comes as JSON in deltas and ends with tool_use, although the provider said stop',
    },
  },
  {
    number: 5,
    fault: 'message_start has no usage',
    state: { file: 'daemon/messages.test.ts', test: 'a stream has the events that Anthropic’s client needs' },
  },
  {
    number: 6,
    fault: 'the line “event:” is left out',
    state: { file: 'daemon/messages.test.ts', test: 'a stream has the events that Anthropic’s client needs' },
  },
  {
    number: 7,
    fault: 'an incomplete response has no message_stop',
    state: {
      file: 'dialects/anthropic-stream.test.ts',
      test: 'a finish reason %s (%s) is the stop reason %s',
    },
  },
  {
    number: 8,
    fault: 'a broken stream ends as a whole message',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'a stream that breaks off ends in an error, never as a whole message',
    },
  },
  {
    number: 9,
    fault: 'results of tools are separated from their calls',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'results of tools follow their calls, and a custom tool is a function with one text',
    },
  },
  {
    number: 10,
    fault: 'stop_reason stays end_turn although a tool was called',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'a tool call comes as JSON in deltas and ends with tool_use, although the provider said stop',
    },
  },
  {
    number: 11,
    fault: 'a filtered response becomes an empty success',
    state: {
      file: 'dialects/anthropic-stream.test.ts',
      test: 'a finish reason %s (%s) is the stop reason %s',
    },
  },
  {
    number: 12,
    fault: 'an unknown stop reason reaches a typed client',
    state: {
      file: 'dialects/anthropic-stream.test.ts',
      test: 'a finish reason %s (%s) is the stop reason %s',
    },
  },
  {
    number: 13,
    fault: 'an answer of thoughts alone becomes an empty message',
    state: {
      file: 'dialects/responses-stream.test.ts',
      test: 'an answer of thoughts alone is no empty response',
    },
  },
  {
    number: 14,
    fault: 'ids of calls are longer than a vendor takes',
    state: { file: 'dialects/responses-golden.test.ts', test: '%s from a chat' },
  },
  {
    number: 15,
    fault: 'two forms of one id are compared',
    state: { notApplicable: 'an id of a call carries nothing else, so that it has one form' },
  },
  {
    number: 16,
    fault: 'an innocent id is cut at a separator',
    state: { notApplicable: 'an id of a call carries nothing else, so that none is cut' },
  },
  {
    number: 17,
    fault: 'only the streamed or only the plain response has the signature',
    state: { open: 'no test compares the two for the same signature' },
  },
  {
    number: 18,
    fault: 'a call is replayed to Gemini without a signature',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'a signature of another key is left out by name, and the call passes without a check',
    },
  },
  {
    number: 19,
    fault: 'a signature is kept on the wrong part',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'a signature goes through Anthropic’s client and back to the call that it was made for',
    },
  },
  {
    number: 20,
    fault: 'a signature goes to another key',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'a request whose signatures are refused is sent once more without them, which is said',
    },
  },
  {
    number: 21,
    fault: 'thoughts are restructured when they are replayed',
    state: {
      file: 'daemon/anthropic-provider.test.ts',
      test: 'passes a request of its own dialect on as it is, but for the name of the model',
    },
  },
  {
    number: 22,
    fault: 'reasoning_details are dropped from the history',
    state: {
      file: 'providers/protocols/vendor-words.test.ts',
      test: 'thoughts that are only in reasoning_details go back under the vendor’s name',
    },
  },
  {
    number: 23,
    fault: 'half a thought without a signature is replayed to Anthropic',
    state: { open: 'no test of its own' },
  },
  {
    number: 24,
    fault: 'a tool is forced while thinking is on at Anthropic',
    state: { open: 'no test of its own' },
  },
  {
    number: 25,
    fault: 'count_tokens gets part of the thoughts',
    state: { notApplicable: 'the broker counts by itself, and no vendor checks the history' },
  },
  {
    number: 26,
    fault: 'ids of calls are not unique',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'streams thoughts, text and parallel calls without ids to a client of chat completions',
    },
  },
  {
    number: 27,
    fault: 'Google’s skip value goes to another vendor',
    state: { file: 'dialects/golden.test.ts', test: 'the Gemini request %s at Anthropic' },
  },
  {
    number: 28,
    fault: 'role system inside messages is refused',
    state: {
      file: 'dialects/golden.test.ts',
      test: 'a late system message becomes text of the user where the server takes none',
    },
  },
  {
    number: 29,
    fault: 'the refusal of that role has other words than Claude Code knows',
    state: { notApplicable: 'the role is accepted for every provider' },
  },
  {
    number: 30,
    fault: 'the billing line of Claude Code spoils the prefix cache',
    state: { file: 'dialects/golden.test.ts', test: 'a request of the Messages API as a chat' },
  },
  {
    number: 31,
    fault: 'prompt_cache_key is random for each request',
    state: { notApplicable: 'the broker makes up no prompt_cache_key' },
  },
  {
    number: 32,
    fault: 'a late system text moves to the top',
    state: {
      file: 'dialects/golden.test.ts',
      test: 'a late system message becomes text of the user where the server takes none',
    },
  },
  {
    number: 33,
    fault: 'cache marks go to a server that refuses them',
    state: { file: 'dialects/golden.test.ts', test: 'a request of the Messages API as a chat' },
  },
  {
    number: 34,
    fault: 'names of betas go to a server that refuses them',
    state: { notApplicable: 'they go to providers of Anthropic’s own protocol alone' },
  },
  {
    number: 35,
    fault: 'context_management stays although the thoughts were taken out',
    state: { open: 'no test of its own' },
  },
  {
    number: 36,
    fault: 'documents are lost without a word',
    state: { file: 'dialects/golden.test.ts', test: '%s is refused by its name' },
  },
  { number: 37, fault: 'empty text blocks are sent to Anthropic', state: { open: 'no test of its own' } },
  {
    number: 38,
    fault: 'the list of models has OpenAI’s form for Anthropic’s client',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'the list of models has Anthropic’s form for Anthropic’s clients and pages by id',
    },
  },
  {
    number: 39,
    fault: 'a server without count_tokens is asked for it',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'count_tokens counts system prompt, tools and messages, and calls no provider',
    },
  },
  {
    number: 40,
    fault: 'count_tokens ignores tools and system',
    state: {
      file: 'daemon/messages.test.ts',
      test: 'count_tokens counts system prompt, tools and messages, and calls no provider',
    },
  },
  {
    number: 41,
    fault: 'a tool without a type is refused',
    state: { file: 'dialects/responses-golden.test.ts', test: '%s from the Messages API' },
  },
  {
    number: 42,
    fault: 'response.output_item.done is missing',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'parallel calls whose pieces come in turns are whole items behind the text',
    },
  },
  {
    number: 43,
    fault: 'a text has no deltas',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'a stream has all the events of a message, numbered from 0',
    },
  },
  {
    number: 44,
    fault: 'a text comes twice',
    state: {
      file: 'dialects/responses-stream.test.ts',
      test: 'items of which only the last event comes are read from it',
    },
  },
  {
    number: 45,
    fault: 'items of a response are mixed',
    state: {
      file: 'dialects/responses-stream.test.ts',
      test: 'events are numbered, items are announced before their deltas, and the last response has them all',
    },
  },
  {
    number: 46,
    fault: 'reasoning items are dropped',
    state: {
      file: 'dialects/responses-identity.test.ts',
      test: 'a request of the Responses API is the same after it was a chat',
    },
  },
  {
    number: 47,
    fault: 'a stream ends without a closing event',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'a stream that breaks off ends in response.failed, without the half item',
    },
  },
  {
    number: 48,
    fault: 'Codex takes a 429 for final',
    state: {
      file: 'daemon/responses-state.test.ts',
      test: 'a limit of the provider is a failed response for Codex, and a 429 for others',
    },
  },
  {
    number: 49,
    fault: 'a WebSocket is answered with 404',
    state: {
      file: 'daemon/responses-state.test.ts',
      test: 'a WebSocket is refused with 426, after which Codex goes on over HTTP',
    },
  },
  {
    number: 50,
    fault: 'a reasoning item with content null is refused',
    state: { file: 'dialects/responses-golden.test.ts', test: '%s as a chat' },
  },
  {
    number: 51,
    fault: 'additional_tools, namespaces and custom tools are dropped',
    state: { file: 'dialects/responses-golden.test.ts', test: '%s as a chat' },
  },
  {
    number: 52,
    fault: 'a namespaced call comes back under a flat name',
    state: { open: 'functions is run with Codex; a foreign namespace is in requests alone' },
  },
  {
    number: 53,
    fault: 'a custom tool comes back as a function_call',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'results of tools follow their calls, and a custom tool is a function with one text',
    },
  },
  {
    number: 54,
    fault: 'sequence_number restarts',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'a stream has all the events of a message, numbered from 0',
    },
  },
  {
    number: 55,
    fault: 'an event has a top-level key “error”',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'a stream has all the events of a message, numbered from 0',
    },
  },
  {
    number: 56,
    fault: 'instructions are inherited from the earlier response',
    state: {
      file: 'daemon/responses-state.test.ts',
      test: 'a request goes on from an earlier one, without its instructions',
    },
  },
  {
    number: 57,
    fault: 'a stream for Google’s client has comments or [DONE]',
    state: { file: 'daemon/gemini.test.ts', test: 'events have neither comments nor an end mark' },
  },
  {
    number: 58,
    fault: 'a call and its finish come in different events',
    state: {
      file: 'dialects/gemini-stream.test.ts',
      test: 'a call, a signature and the final usage are read, whichever event the end is in',
    },
  },
  {
    number: 59,
    fault: 'results are spread over several contents',
    state: { file: 'dialects/golden.test.ts', test: 'a chat as a request of Gemini’s API' },
  },
  {
    number: 60,
    fault: 'results have the role tool',
    state: { file: 'dialects/golden.test.ts', test: 'a chat as a request of Gemini’s API' },
  },
  {
    number: 61,
    fault: 'words of JSON Schema are refused by Google',
    state: { notApplicable: 'schemas are sent as parametersJsonSchema and responseJsonSchema' },
  },
  {
    number: 62,
    fault: 'types in upper case reach OpenAI and Anthropic',
    state: { file: 'dialects/golden.test.ts', test: 'a request of Gemini’s API as a chat' },
  },
  {
    number: 63,
    fault: 'arguments are escaped twice',
    state: {
      file: 'dialects/gemini-stream.test.ts',
      test: 'arguments that are a string of JSON are written as an object, once',
    },
  },
  {
    number: 64,
    fault: 'an error in a stream has no code',
    state: {
      file: 'daemon/gemini.test.ts',
      test: 'reads an error with its code, and one in a broken stream',
    },
  },
  {
    number: 65,
    fault: 'a candidate has no parts',
    state: {
      file: 'dialects/gemini-stream.test.ts',
      test: 'a response that is empty and ends with %s has one part and %s',
    },
  },
  {
    number: 66,
    fault: 'fields in snake_case are ignored',
    state: { file: 'daemon/gemini.test.ts', test: 'fields in snake_case are read' },
  },
  {
    number: 67,
    fault: 'a name of a model has a slash',
    state: { file: 'daemon/gemini.test.ts', test: 'a name with a slash, plain and escaped, names the model' },
  },
  {
    number: 68,
    fault: 'only one of /v1 and /v1beta is served',
    state: { file: 'daemon/gemini.test.ts', test: 'reads a stream to its end' },
  },
  {
    number: 69,
    fault: 'a server takes no image in the result of a tool',
    state: { file: 'dialects/responses-golden.test.ts', test: '%s as a chat' },
  },
  {
    number: 70,
    fault: 'cached tokens are counted twice',
    state: {
      file: 'daemon/anthropic-provider.test.ts',
      test: 'serves a chat, priced with its cache reads and writes by their time to live',
    },
  },
  {
    number: 71,
    fault: 'Gemini’s thoughts are not in the output',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'serves a chat, with thoughts in the completion and cached tokens at their price',
    },
  },
  { number: 72, fault: 'cumulative usage of Anthropic is summed', state: { open: 'no test of its own' } },
  {
    number: 73,
    fault: 'writes to the cache for an hour cost as those for five minutes',
    state: {
      file: 'daemon/anthropic-provider.test.ts',
      test: 'serves a chat, priced with its cache reads and writes by their time to live',
    },
  },
  {
    number: 74,
    fault: 'temperature goes to a model that refuses it',
    state: { open: 'sampling fields are passed on; the vendor’s refusal reaches the caller' },
  },
  {
    number: 75,
    fault: 'a key in the address is written down',
    state: {
      file: 'daemon/gemini.test.ts',
      test: 'a token in the query lists models in Google’s form, and is written down nowhere',
    },
  },
  {
    number: 76,
    fault: 'a request is tried again after its first byte',
    state: {
      file: 'daemon/chat.test.ts',
      test: 'a stream that fails after its first chunk ends with an error event and text of no other provider',
    },
  },
  {
    number: 77,
    fault: 'a client retries without knowing when',
    state: { file: 'daemon/chat.test.ts', test: 'a busy provider’s 429 is passed on with its retry-after' },
  },
  {
    number: 78,
    fault: 'headers of the connection are copied from the provider',
    state: {
      file: 'providers/transport/http1/response-reader.test.ts',
      test: 'has only those headers that are read here',
    },
  },
  {
    number: 79,
    fault: 'a chat without max_tokens fails at Anthropic',
    state: { file: 'dialects/golden.test.ts', test: 'a chat as a request of the Messages API' },
  },
  {
    number: 80,
    fault: 'Gemini’s thoughts become visible text',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'streams thoughts, text and parallel calls without ids to a client of chat completions',
    },
  },
  {
    number: 81,
    fault: 'usage behind the finish is lost',
    state: {
      file: 'dialects/gemini-stream.test.ts',
      test: 'a call, a signature and the final usage are read, whichever event the end is in',
    },
  },
  {
    number: 82,
    fault: 'streams of the Responses API count no tokens',
    state: {
      file: 'daemon/responses-provider.test.ts',
      test: 'passes its events on, sealed and under our ids, to a client of its own dialect',
    },
  },
  {
    number: 83,
    fault: 'only the first attempt asks for the usage',
    state: {
      file: 'providers/protocols/create-provider.test.ts',
      test: 'for a stream asks for its usage and keeps the caller’s other stream options',
    },
  },
  {
    number: 84,
    fault: 'several citations in one event crash Anthropic’s client',
    state: { open: 'no test of its own' },
  },
  {
    number: 85,
    fault: 'a blocked answer of Gemini is a 500',
    state: { file: 'daemon/gemini-provider.test.ts', test: 'a blocked prompt is a filtered response' },
  },
  {
    number: 86,
    fault: 'a broken JSON array has two errors',
    state: {
      file: 'daemon/gemini.test.ts',
      test: 'an array whose stream broke ends in an error and is still JSON',
    },
  },
  {
    number: 87,
    fault: 'a refusal loses its content',
    state: { file: 'dialects/responses-stream.test.ts', test: 'a refusal is a part of its own kind' },
  },
  {
    number: 88,
    fault: 'events of a stream of the Responses API are missing',
    state: {
      file: 'daemon/responses.test.ts',
      test: 'a stream has all the events of a message, numbered from 0',
    },
  },
  {
    number: 89,
    fault: 'required members are missing from responses',
    state: { open: 'no test holds the three other dialects to their published schemas' },
  },
  {
    number: 90,
    fault: 'model in a response is another name at random',
    state: {
      file: 'daemon/responses-provider.test.ts',
      test: 'passes its events on, sealed and under our ids, to a client of its own dialect',
    },
  },
  {
    number: 91,
    fault: 'a client makes up a sealed thought',
    state: {
      file: 'daemon/anthropic-provider.test.ts',
      test: 'never gets a signature that was made elsewhere, and the caller is told',
    },
  },
  {
    number: 92,
    fault: 'a foreign key header changes the dialect of a route',
    state: { open: 'no test of its own' },
  },
  {
    number: 93,
    fault: 'two credentials are sent to the provider',
    state: {
      file: 'daemon/gemini-provider.test.ts',
      test: 'serves a chat, with thoughts in the completion and cached tokens at their price',
    },
  },
  {
    number: 94,
    fault: 'a deeply nested body ends the process',
    state: {
      file: 'daemon/hostile-json.test.ts',
      test: 'the broker survives all of these requests without a restart',
    },
  },
  {
    number: 95,
    fault: 'a wish for thoughts goes to a model that has none',
    state: { open: 'no test of its own' },
  },
  {
    number: 96,
    fault: 'fields with an exact twin are dropped',
    state: {
      file: 'dialects/anthropic-identity.test.ts',
      test: 'tool_choice %j is the same after it was a chat',
    },
  },
  {
    number: 97,
    fault: 'tokens written to a cache have no place at Google',
    state: { open: 'no test of its own' },
  },
]

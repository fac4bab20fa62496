/**
 * How a vendor's requests differ from OpenAI's, as data: what it refuses, and what it calls by another name. A provider without
 * rules gets the caller's bytes. The tables are in this folder, one file for each sort of vendor.
 */
export interface RequestRules extends ParameterRules {
  /**
   * Where the facts are from, the vendor's documentation and reports of its users, and the month of reading (`2026-12`). A
   * source that is `unread` is named from memory: its facts have not been checked.
   */
  readonly sources: readonly (readonly [url: string, read: string])[]
  readonly messages?: MessageRules | undefined
  readonly schemas?: SchemaRules | undefined
  /** What differs for families of models. The first whose pattern matches the provider's model id applies. */
  readonly models?: readonly ModelRules[] | undefined
}

/** The fields of a request beside its messages and schemas. */
export interface ParameterRules {
  /** Fields that it refuses; they are left out. */
  readonly refusedFields?: readonly string[] | undefined
  /** Pairs of fields of which it takes one: the first is kept. */
  readonly exclusiveFields?: readonly (readonly [kept: string, leftOut: string])[] | undefined
  /** Its names of fields: `{seed: 'random_seed'}`. */
  readonly renamedFields?: Readonly<Record<string, string>> | undefined
  /** The maximum number of texts in `stop`; others are left out. */
  readonly maxStops?: number | undefined
  /**
   * The words of `reasoning_effort` that it takes. Empty: it has no such field. Absent: any word is passed on. `default` leaves
   * the effort to the model.
   */
  readonly efforts?: readonly string[] | undefined
  /** The field that turns reasoning on and off, where that is not a word of `efforts`. */
  readonly reasoningSwitch?: ReasoningSwitch | undefined
  /** Whether a model reasons that is not told to. */
  readonly reasonsByDefault?: boolean | undefined
  /** Whether a model that may reason does so in streams only: without one it has to be told not to. */
  readonly reasonsInStreamsOnly?: boolean | undefined
  /** Fields that it refuses as long as the model reasons. */
  readonly refusedWithReasoning?: readonly string[] | undefined
  /**
   * As long as the model reasons, or always, it refuses to be forced to a call. Reasoning is switched off for it where there is
   * a switch; otherwise the model decides.
   */
  readonly refusesForcedCalls?: 'with-reasoning' | 'always' | undefined
}

/** `enable_thinking: true` or `thinking: {"type": "enabled"}`. */
export type ReasoningSwitch = 'enable_thinking' | 'thinking'

export interface ModelRules extends ParameterRules {
  /** Matches the provider's model id in lower case. */
  readonly pattern: RegExp
}

/** The messages of a request. */
export interface MessageRules {
  /** Roles that it does not know, and those that it gets instead. */
  readonly roles?: Readonly<Record<string, string>> | undefined
  /** The fields of an assistant's message that it takes, beside the thoughts. Absent: any. */
  readonly assistantFields?: readonly string[] | undefined
  /** The fields of a tool call in the history that it takes. Absent: any. */
  readonly callFields?: readonly string[] | undefined
  /** Fields that it refuses in messages of any role. */
  readonly refusedFields?: readonly string[] | undefined
  /** The name under which it takes an assistant's thoughts back. Absent: they are left out. */
  readonly thoughts?: 'reasoning' | 'reasoning_content' | undefined
  /** Messages of the assistant that must have their thoughts, even if empty. */
  readonly needsThoughts?: 'of-calls' | 'of-all' | undefined
  /** What an assistant's message has that has calls and no text. Absent: what is given. */
  readonly emptyContent?: '' | null | undefined
  /** Messages of the assistant with neither text nor calls are refused, and left out. */
  readonly refusesEmpty?: boolean | undefined
  /** System messages may only come first, and only as one: several are joined, later ones become the user's. */
  readonly systemFirst?: boolean | undefined
  /** Roles whose content must be one text: parts of text are joined. */
  readonly textRoles?: readonly string[] | undefined
  /**
   * `alternating`: adjacent messages of the user, or of the assistant, are joined. `assistant-after-tool`: a message of the user
   * may not follow one of a tool; an assistant's comes between.
   */
  readonly order?: 'alternating' | 'assistant-after-tool' | undefined
  /** The exact length of the ids of tool calls, which are letters and digits; others are replaced. */
  readonly callIdLength?: number | undefined
  /** A tool's message has the name of the tool. */
  readonly needsToolName?: boolean | undefined
  /** Images may only be `data:` URLs: requests with other URLs are refused here, and go to the next endpoint. */
  readonly inlineImagesOnly?: boolean | undefined
}

/** JSON Schemas, of tools and of `response_format`. */
export interface SchemaRules {
  /** Keywords that it refuses; they are left out, so that the schema allows more. */
  readonly refusedKeywords?: readonly string[] | undefined
  /** Whether it refuses a `response_format` with a schema: it becomes `json_object`, or nothing where no message speaks of JSON. */
  readonly refusesSchemaFormat?: boolean | undefined
  /** Whether it refuses `strict` in the definition of a tool. */
  readonly refusesStrict?: boolean | undefined
  /** Whether it refuses a list as `type`: the list becomes `anyOf`. */
  readonly refusesTypeLists?: boolean | undefined
}

/** The rules for one model: the model's own over those of its provider. */
export function rulesOfModel(rules: RequestRules, modelId: string): RequestRules {
  const id = modelId.toLowerCase()
  const family = rules.models?.find(({ pattern }) => pattern.test(id))
  if (family === undefined) return rules
  const { pattern: _pattern, refusedFields = [], ...own } = family
  return { ...rules, ...own, refusedFields: [...(rules.refusedFields ?? []), ...refusedFields] }
}

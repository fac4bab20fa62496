/** The process that counts tokens. It loads the tables of a tokenizer when they are first needed. */

/** One job at a time: the next one is sent when the result of this one has come. */
export interface CountJob {
  readonly model: string
  readonly texts: readonly string[]
}

/** One count for each text; `undefined` when counting failed. */
export interface CountResult {
  readonly counts: readonly number[] | undefined
}

type Count = (text: string) => number

/** OpenAI's older models. All other models, of OpenAI or not, are counted with the newer table. */
const OLDER = /gpt-4(?!o|\.)|gpt-3\.5|text-embedding-(3|ada)/

const tables = {
  older: async (): Promise<Count> => (await import('gpt-tokenizer/encoding/cl100k_base')).countTokens,
  newer: async (): Promise<Count> => (await import('gpt-tokenizer/encoding/o200k_base')).countTokens,
}

process.on('message', (job: CountJob) => {
  void countAll(job).then(
    (counts) => respond({ counts }),
    () => respond({ counts: undefined }),
  )
})

async function countAll({ model, texts }: CountJob): Promise<number[]> {
  const count = await tables[OLDER.test(model) ? 'older' : 'newer']()
  return texts.map((text) => count(text))
}

function respond(result: CountResult): void {
  process.send?.(result)
}

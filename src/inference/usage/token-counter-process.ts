/** The process that counts tokens; the tables of a tokenizer are loaded when first asked for. */

/** One at a time: the next one is sent when this one is answered. */
export interface CountJob {
  readonly model: string
  readonly texts: readonly string[]
}

export interface CountResult {
  readonly counts: readonly number[] | undefined
}

type Count = (text: string) => number

/** OpenAI's older models; its newer ones, and whatever else there is, are counted with the newer table. */
const OLDER = /gpt-4(?!o|\.)|gpt-3\.5|text-embedding-(3|ada)/

const tables = {
  older: async (): Promise<Count> => (await import('gpt-tokenizer/encoding/cl100k_base')).countTokens,
  newer: async (): Promise<Count> => (await import('gpt-tokenizer/encoding/o200k_base')).countTokens,
}

process.on('message', (job: CountJob) => {
  void countAll(job).then(
    (counts) => answer({ counts }),
    () => answer({ counts: undefined }),
  )
})

async function countAll({ model, texts }: CountJob): Promise<number[]> {
  const count = await tables[OLDER.test(model) ? 'older' : 'newer']()
  return texts.map((text) => count(text))
}

function answer(result: CountResult): void {
  process.send?.(result)
}

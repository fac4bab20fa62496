import { RPC_CODES } from '../../../wire/rpc/message.ts'
import { bytesOf } from '../../http/node/request-types.ts'
import { parseBody } from './parse-call.ts'
import type { IdTexts } from './parse-call.ts'
import { RpcFault, faultText } from './rpc-error.ts'

type AnswerOne = (value: unknown, idTexts: IdTexts) => Promise<string | undefined>

/**
 * Executes the call or the batch of a body and returns the response as JSON text. The calls of a batch run concurrently, their
 * responses keep the order. `undefined` when there were only notifications.
 */
export async function answerBody(body: unknown, answerOne: AnswerOne): Promise<string | undefined> {
  try {
    const { value, idTexts } = parseBody(bytesOf({ body }))
    return Array.isArray(value)
      ? await answerBatch(value, idTexts, answerOne)
      : await answerOne(value, idTexts)
  } catch (thrown) {
    if (thrown instanceof RpcFault) return faultText(thrown, 'null')
    throw thrown
  }
}

async function answerBatch(batch: readonly unknown[], idTexts: IdTexts, answerOne: AnswerOne) {
  if (batch.length === 0)
    throw new RpcFault(RPC_CODES.invalidRequest, 'the batch is empty; send at least one call')
  const answers = await Promise.all(batch.map((one) => answerOne(one, idTexts)))
  const said = answers.filter((answer) => answer !== undefined)
  return said.length === 0 ? undefined : `[${said.join(',')}]`
}

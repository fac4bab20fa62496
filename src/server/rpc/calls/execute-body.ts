import { RPC_CODES } from '../../../wire/rpc/message.ts'
import { bytesOf } from '../../http/node/request-types.ts'
import { parseBody } from './parse-call.ts'
import type { IdTexts } from './parse-call.ts'
import { RpcFault, faultText } from './rpc-error.ts'

type ExecuteOne = (value: unknown, idTexts: IdTexts) => Promise<string | undefined>

/**
 * Executes the call or the batch of a body and returns the response as JSON text. The calls of a batch run concurrently, their
 * responses keep the order. `undefined` when there were only notifications.
 */
export async function executeBody(body: unknown, executeOne: ExecuteOne): Promise<string | undefined> {
  try {
    const { value, idTexts } = parseBody(bytesOf({ body }))
    return Array.isArray(value)
      ? await executeBatch(value, idTexts, executeOne)
      : await executeOne(value, idTexts)
  } catch (thrown) {
    if (thrown instanceof RpcFault) return faultText(thrown, 'null')
    throw thrown
  }
}

async function executeBatch(batch: readonly unknown[], idTexts: IdTexts, executeOne: ExecuteOne) {
  if (batch.length === 0)
    throw new RpcFault(RPC_CODES.invalidRequest, 'the batch is empty; send at least one call')
  const responses = await Promise.all(batch.map((one) => executeOne(one, idTexts)))
  const present = responses.filter((answer) => answer !== undefined)
  return present.length === 0 ? undefined : `[${present.join(',')}]`
}

import { roleMay } from '../../../../wire/rpc/method.ts'
import { methods } from '../../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'
import { present } from '../../calls/request-filter.ts'

export function authHandlers(): HandlersOf<'auth.whoami'> {
  return {
    'auth.whoami': async (_params, { role, ip, context, token }) => ({
      role: role === 'admin' ? 'admin' : 'caller',
      address: ip,
      ...present({ context, token }),
      methods: Object.entries(methods)
        .filter(([, method]) => roleMay(role, method.role))
        .map(([name]) => name),
    }),
  }
}

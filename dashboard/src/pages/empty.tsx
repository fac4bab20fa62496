import { useCall, useFilter } from '../broker.ts'
import { LIST_KEYS } from '../range.ts'
import { t } from '../strings.ts'

/** No request at all, with the command that sends one; or none of the filter, with a way out of it. */
export function Empty({ isFiltered }: { isFiltered: boolean }) {
  const { set } = useFilter()
  const info = useCall('info', {})
  if (isFiltered)
    return (
      <div className="state empty">
        <p>{t.first.filtered}</p>
        <button
          type="button"
          onClick={() =>
            set({
              ...Object.fromEntries(LIST_KEYS.map((key) => [key, undefined])),
              cost: undefined,
              duration: undefined,
              attempts: undefined,
              text: undefined,
              range: 'all',
              since: undefined,
              until: undefined,
            })
          }
        >
          {t.first.clear}
        </button>
      </div>
    )
  const socket = info.data?.sockets[0] ?? '~/hero/var/sockets/hero_aibroker/rest.sock'
  return (
    <div className="state empty">
      <p>{t.first.none}</p>
      <p>{t.first.hint}</p>
      <pre>{`curl --unix-socket '${socket}' http://localhost/v1/chat/completions \\\n  -H 'Content-Type: application/json' \\\n  -d '{"model":"auto","messages":[{"role":"user","content":"Hello!"}]}'`}</pre>
    </div>
  )
}

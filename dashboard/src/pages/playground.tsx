import { Link } from '@tanstack/react-router'
import { useRef, useState, type FormEvent } from 'react'
import { chat } from '../api.ts'
import { useCall } from '../broker.ts'
import { visible } from '../format.ts'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

interface Said {
  readonly role: 'user' | 'assistant'
  readonly content: string
  readonly by?: string
  readonly id?: string
  readonly cost?: number
  readonly error?: string
}

export function Playground() {
  const models = useCall('models.list', { available: true, kind: 'chat' })
  const [model, setModel] = useState('auto')
  const [system, setSystem] = useState('')
  const [said, setSaid] = useState<readonly Said[]>([])
  const [draft, setDraft] = useState(() => sessionStorage.getItem(DRAFT) ?? '')
  const running = useRef<AbortController>(undefined)
  const [isRunning, setRunning] = useState(false)
  const write = (text: string): void => {
    setDraft(text)
    sessionStorage.setItem(DRAFT, text)
  }

  const send = async (event?: FormEvent): Promise<void> => {
    event?.preventDefault()
    if (draft.trim() === '' || isRunning) return
    const before = [...said, { role: 'user', content: draft } as const]
    write('')
    const ending = new AbortController()
    running.current = ending
    setRunning(true)
    let answer: Said = { role: 'assistant', content: '' }
    const show = (changes: Partial<Said>): void => setSaid([...before, (answer = { ...answer, ...changes })])
    show({})
    try {
      const messages = [
        ...(system === '' ? [] : [{ role: 'system', content: system }]),
        ...before.map(({ role, content }) => ({ role, content })),
      ]
      for await (const chunk of chat({ model, messages, usage: { include: true } }, ending.signal))
        show({
          content: answer.content + (chunk.choices?.[0]?.delta?.content ?? ''),
          ...(chunk.id === undefined ? {} : { id: chunk.id }),
          ...(chunk.model === undefined
            ? {}
            : { by: chunk.provider === undefined ? chunk.model : `${chunk.model} · ${chunk.provider}` }),
          ...(chunk.usage?.cost === undefined ? {} : { cost: chunk.usage.cost }),
        })
    } catch (error) {
      if (!ending.signal.aborted) show({ error: (error as Error).message })
    } finally {
      setRunning(false)
    }
  }

  return (
    <>
      <PageHead title={t.pages.playground}>
        <button type="button" onClick={() => setSaid([])}>
          {t.playground.clear}
        </button>
      </PageHead>
      <div className="row">
        <label>
          {t.playground.model}
          <input list="models" value={model} onChange={({ target }) => setModel(target.value)} />
        </label>
        <datalist id="models">
          <option value="auto" />
          {models.data?.map(({ id }) => (
            <option key={id} value={id} />
          ))}
        </datalist>
        <label className="grow">
          {t.playground.system}
          <input className="grow" value={system} onChange={({ target }) => setSystem(target.value)} />
        </label>
      </div>
      <div className="chat" aria-live="polite" aria-busy={isRunning}>
        {said.map((one, at) => (
          <div key={at} className={`say ${one.role}`}>
            <small>
              {one.role === 'user' ? t.playground.you : visible(one.by ?? model)}
              {one.cost !== undefined &&
                ` · ${t.playground.cost} $${one.cost.toFixed(9).replace(/0+$/, '').replace(/\.$/, '')}`}
              {one.id !== undefined && !isRunning && (
                <>
                  {' · '}
                  <Link to="/requests/$id" params={{ id: one.id }}>
                    {t.playground.open}
                  </Link>
                </>
              )}
            </small>
            {one.content}
            {one.error !== undefined && <p role="alert">✕ {visible(one.error)}</p>}
          </div>
        ))}
      </div>
      <form className="form" onSubmit={(event) => void send(event)}>
        <label htmlFor="message">{t.playground.message}</label>
        <textarea
          id="message"
          value={draft}
          onChange={({ target }) => write(target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
            event.preventDefault()
            void send()
          }}
        />
        <div className="row">
          {isRunning ? (
            <button type="button" onClick={() => running.current?.abort()}>
              {t.playground.stop}
            </button>
          ) : (
            <button className="primary">{t.playground.send}</button>
          )}
          <span className="faint">{t.playground.hint}</span>
        </div>
      </form>
    </>
  )
}

const DRAFT = 'aibroker-draft'

import asyncio, concurrent.futures, multiprocessing, os, queue, signal, threading, time
def work(n):
    return sum(i * i % 7 for i in range(n))
def all():
    global out
    with concurrent.futures.ThreadPoolExecutor(8) as ex:
        print(sum(ex.map(work, range(1000, 1040))))
    q, out = queue.Queue(), []
    def consumer():
        while (x := q.get()) is not None:
            out.append(x)
    ts = [threading.Thread(target=consumer) for _ in range(16)]
    [t.start() for t in ts]
    [q.put(i) for i in range(2000)]
    [q.put(None) for _ in ts]
    [t.join() for t in ts]
    print(len(out), sum(out))
    hits = []
    signal.signal(signal.SIGALRM, lambda s, f: hits.append(s))
    signal.setitimer(signal.ITIMER_REAL, .005, .005)
    end = time.time() + .3
    while time.time() < end:
        work(1000)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(len(hits) > 5)
    async def ticker(n):
        for i in range(n):
            await asyncio.sleep(.001)
        return n
    async def main():
        p = await asyncio.create_subprocess_exec("echo", "async", stdout=asyncio.subprocess.PIPE)
        print((await p.communicate())[0], await asyncio.gather(*(ticker(i) for i in range(10))))
        server = await asyncio.start_server(lambda r, w: asyncio.ensure_future(echo(r, w)), "127.0.0.1", 0)
        r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
        w.write(b"ping\n"); await w.drain()
        print(await r.readline())
        w.close(); server.close()
    async def echo(r, w):
        w.write((await r.readline()).upper()); await w.drain(); w.close()
    asyncio.run(main())

if __name__ == "__main__":
    all()
    with multiprocessing.get_context("fork").Pool(2) as p:
        print(p.map(work, [10, 100, 1000]))
    v = multiprocessing.get_context("spawn")
    pr = v.Process(target=work, args=(5,)); pr.start(); pr.join(); print(pr.exitcode)

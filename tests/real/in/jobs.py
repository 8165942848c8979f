# Job control of an interactive bash on a terminal: stop, background, foreground, interrupt, end of input.
import os, pty, re, signal, time

signal.alarm(120)
pid, tty = pty.fork()
if pid == 0:
    os.environ['PS1'] = 'prompt> '
    os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
seen = ''


def until(pattern):
    global seen
    while not (m := re.search(pattern, seen)):
        seen += os.read(tty, 4096).decode()
    seen = seen[m.end():]
    print(re.sub(' +', ' ', m.group().strip()))


def say(text):
    os.write(tty, text.encode())


def stat(process):
    with open('/proc/%d/stat' % process) as f:
        return re.match(r'\d+ \((.*)\) (.)', f.read()).groups()


def in_front(job):              # until a job, no more a bash, or bash itself waits at the terminal
    while True:
        group = os.tcgetpgrp(tty)
        name, state = stat(group)
        if state == 'S' and (group != pid) == job and (name != 'bash') == job:
            return
        time.sleep(0.01)


def status(n):
    say('echo status=$?\n')
    until('status=%d' % n)
    until('prompt> ')


def start(line):
    say(line + '\n')
    in_front(True)


def back(key):
    say(key)
    in_front(False)


until('prompt> ')
start('sleep 1000')
back('\x1a')
until(r'\[1\]\+ +Stopped +sleep 1000')
status(148)
say('bg\n')
until(r'\[1\]\+ sleep 1000 &')
say('jobs\n')
until(r'\[1\]\+ +Running +sleep 1000 &')
start('fg')
back('\x03')
status(130)
start('cat | tr a-z A-Z')
back('\x1a')
until(r'\[1\]\+ +Stopped +cat \| tr a-z A-Z')
start('fg')
say('hello\nagain\n')
back('\x04')
until('HELLO\r\nAGAIN')
status(0)
say('cat &\n')                  # reads in the background: stops by itself
say('wait %1; jobs\n')
until(r'\[1\]\+ +Stopped +cat')
say('kill %1; fg\n')
until('Terminated')
status(143)
say('sh -c \'kill -STOP $$; exit 7\'\n')
until('Stopped')
say('fg\n')
until('fg')
status(7)
say('stty tostop; sh -c "echo written" & sleep 0; wait %1; jobs\n')
until(r'Stopped +sh -c "echo written"')
say('fg\n')
until('\nwritten')
status(0)
start('sleep 1000')
back('\x1c')
status(131)
say('exit 9\n')
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

package main

import (
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"
	"gopkg.in/natefinch/lumberjack.v2"
)

// newLog makes the program's log. JSON is for machines, text for a terminal;
// "auto" looks which of them reads. With a file, old files are rotated away by
// size, number and age, and nothing goes to the terminal. Close it at the end.
func newLog(c config, fallback io.Writer) (log *logrus.Logger, closeLog func() error) {
	out, closeLog := fallback, func() error { return nil }
	if c.LogFile != "" {
		file := &lumberjack.Logger{Filename: c.LogFile, MaxSize: c.LogMaxMB, MaxBackups: c.LogKeep, MaxAge: c.LogDays, Compress: true}
		out, closeLog = file, file.Close
	}
	log = logrus.New()
	log.SetOutput(out)
	log.SetLevel(c.LogLevel)
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal(out) {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: time.TimeOnly})
	} else {
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano,
			FieldMap: logrus.FieldMap{logrus.FieldKeyTime: "time", logrus.FieldKeyMsg: "message"}})
	}
	return log, closeLog
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Work on a stream: what is put there is done later, in order, by a thread of its own. Events and graphs of it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

using Work = std::function<void()>;

inline size_t setting(const char* name, size_t usual) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : usual;
}

inline const size_t delay_us = setting("EMULATED_GPU_DELAY_US", 0);
inline std::atomic<int> broken{0};  // the context's sticky error

struct Moment {  // one recording of an event
    std::mutex lock;
    std::condition_variable reached;
    bool done = false;
    std::chrono::steady_clock::time_point when;

    void reach() {
        std::lock_guard<std::mutex> guard(lock);
        done = true;
        when = std::chrono::steady_clock::now();
        reached.notify_all();
    }
    void wait() {
        std::unique_lock<std::mutex> guard(lock);
        reached.wait(guard, [this] { return done; });
    }
};

// A queue and the thread that works it off. It outlives its handle until it is empty, as CUDA's do.
struct Line {
    std::mutex lock;
    std::condition_variable changed;
    std::deque<Work> waiting;
    bool busy = false, closing = false;

    void put(Work work) {
        std::lock_guard<std::mutex> guard(lock);
        waiting.push_back(std::move(work));
        changed.notify_all();
    }
    void close() {
        std::lock_guard<std::mutex> guard(lock);
        closing = true;
        changed.notify_all();
    }
    bool idle() {
        std::lock_guard<std::mutex> guard(lock);
        return waiting.empty() && !busy;
    }
    void wait() {
        std::unique_lock<std::mutex> guard(lock);
        changed.wait(guard, [this] { return waiting.empty() && !busy; });
    }
    void work_off() {
        std::mt19937 chance(std::random_device{}());
        std::unique_lock<std::mutex> guard(lock);
        while (true) {
            changed.wait(guard, [this] { return closing || !waiting.empty(); });
            if (waiting.empty()) return;
            Work work = std::move(waiting.front());
            waiting.pop_front();
            busy = true;
            guard.unlock();
            if (delay_us) std::this_thread::sleep_for(std::chrono::microseconds(chance() % delay_us));
            if (!broken) work();
            work = nullptr;
            guard.lock();
            busy = false;
            changed.notify_all();
        }
    }
};

// Python that runs as a piece of work must not be on its way when the interpreter ends: what waits for its lock then is
// unwound through these frames, which aborts the process.
struct Host {
    std::mutex lock;
    std::condition_variable changed;
    int busy = 0;
    bool ended = false;

    void call(const Work& function) {
        {
            std::lock_guard<std::mutex> guard(lock);
            if (ended) return;
            ++busy;
        }
        function();
        std::lock_guard<std::mutex> guard(lock);
        --busy;
        changed.notify_all();
    }
    void end() {
        std::unique_lock<std::mutex> guard(lock);
        ended = true;
        changed.wait(guard, [this] { return !busy; });
    }
};

struct Graph {
    std::vector<Work> works;
};

struct Stream {
    std::shared_ptr<Line> line = std::make_shared<Line>();
    std::unique_ptr<Graph> capture;  // while recording
    int priority = 0;

    Stream() { std::thread([line = line] { line->work_off(); }).detach(); }
    void put(Work work) {
        if (capture)
            capture->works.push_back(std::move(work));
        else
            line->put(std::move(work));
    }
};

struct Event {
    std::shared_ptr<Moment> last;  // of its latest recording
};

/* A camera of an inspector in credit mode, in C with libzmq alone: the reference for whoever writes one.

       cc -O2 -o camera camera.c -lzmq
       camera ADDRESS NAME WIDTH HEIGHT COIL MM_PER_ROW [KEYFILE] < frames

   Standard input holds raw frames, WIDTH x HEIGHT grey bytes each, one after the other. Each is kept until the inspector
   has recorded it, and sent again to one that was started again. KEYFILE is what `inspector keys new NAME` wrote, for an
   inspector that asks for keys. An empty COIL is none. Exit code: 0 all is recorded, 1 it is not, a frame of it was
   refused or the input ended within one, 2 wrong use, or the camera is refused.
   The rules it follows are numbered as in inspector/intake/README.md. */

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define KEEP 64              /* frames that are kept here; reading stops while there is no room */
#define NAME_LETTERS 64      /* of a camera or a coil; one has up to 4 bytes in UTF-8 */
#define HEADER_BYTES 1024
#define HELLO_MS 500         /* rule 2 */
#define AGAIN_MS 5000        /* rule 8 */
#define GIVE_UP_MS 120000    /* nothing recorded for so long: whoever started us has to know */
#define BROKEN_OFF 30        /* handshakes, one after the other: in four seconds or so, libzmq waits 0.1 s and more */

struct frame {
    long long number;
    int is_done;
    char header[HEADER_BYTES];
    unsigned char *pixels;
};

static struct frame kept[KEEP]; /* a ring: kept[oldest] is the oldest of `count` */
static int oldest, count;
static int under_way; /* of those, sent in this session, from the oldest on */
static int granted;
static char session[65];
static char boot[32];
static size_t frame_bytes;
static long long recorded_ms; /* when the inspector last had done with a frame, or the oldest came */
static long long again_ms;    /* the same, or when the session began, or another was asked for */
static long long refused; /* frames that are never taken */
static void *dealer;

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* CRC-32 as zlib and Ethernet have it: polynomial 0xEDB88320, reflected, inverted before and after. */
static uint32_t crc32(const unsigned char *bytes, size_t length) {
    static uint32_t table[256];
    uint32_t crc = 0xFFFFFFFFu;
    if (!table[1])
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t value = byte;
            for (int bit = 0; bit < 8; bit++)
                value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
            table[byte] = value;
        }
    while (length--)
        crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xFF];
    return ~crc;
}

/* Send one message; 0 where there is no connection, or no room: then nothing of it has gone. */
static int put(int parts, const void *const *part, const size_t *length) {
    for (int at = 0; at < parts; at++)
        if (zmq_send(dealer, part[at], length[at], ZMQ_DONTWAIT | (at + 1 < parts ? ZMQ_SNDMORE : 0)) < 0)
            return 0;
    return 1;
}

/* Rule 2: say hello, so that an inspector that was started again answers with another session. */
static int greet(const char *name, int again) {
    char text[256];
    const void *part[] = {text};
    size_t length[1];
    length[0] = (size_t)snprintf(text, sizeof text, "{\"kind\":\"hello\",\"v\":1,\"camera\":\"%s\",\"again\":%s}", name,
                                 again ? "true" : "false");
    return put(1, part, length);
}

/* Rules 4 and 5: send what is kept and granted, the oldest first. */
static void forward(void) {
    while (session[0] && under_way < count && under_way < granted) {
        struct frame *frame = &kept[(oldest + under_way) % KEEP];
        const void *part[] = {session, frame->header, frame->pixels};
        const size_t length[] = {strlen(session), strlen(frame->header), frame_bytes};
        if (!put(3, part, length))
            return;
        under_way++;
    }
}

/* Whether a camera may be called so; a frame under any other name is no frame. */
static int is_name(const char *name) {
    const char *known = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-";
    return *name && strlen(name) <= NAME_LETTERS && !strchr("_.:/-", *name) && strspn(name, known) == strlen(name);
}

/* Write a coil's name as a header has it, a key with its value; 0 for one that no coil may have. The inspector knows
   more signs that nobody sees than are looked for here: it refuses a frame with one. */
static int coil_of(const char *name, char *json) {
    size_t length = strlen(name), letters = 0;
    for (size_t at = 0; at < length; at++)
        letters += (name[at] & 0xC0) != 0x80;
    *json = 0;
    if (!length)
        return 1;
    if (letters > NAME_LETTERS || length > 4 * NAME_LETTERS || strchr(" ./:_=+@-", *name) || name[length - 1] == ' ')
        return 0;
    json += sprintf(json, "\"coil\":\"");
    for (; *name; name++) {
        if ((unsigned char)*name < 0x20 || *name == 0x7F)
            return 0;
        if (*name == '"' || *name == '\\')
            *json++ = '\\';
        *json++ = *name;
    }
    strcpy(json, "\",");
    return 1;
}

/* Return the number behind a key; a program with a JSON library reads it with that. */
static long long number_of(const char *text, const char *key) {
    const char *found = strstr(text, key);
    return found ? strtoll(found + strlen(key), NULL, 10) : -1;
}

/* Rules 6 and 7: what is recorded, or refused, need not be kept any more. Return how many frames that are. */
static int forget(long long first, long long last) {
    int done = 0;
    for (int at = 0; at < count; at++) {
        struct frame *frame = &kept[(oldest + at) % KEEP];
        if (frame->number >= first && frame->number <= last && !frame->is_done)
            done += frame->is_done = 1;
    }
    while (count && kept[oldest].is_done) {
        oldest = (oldest + 1) % KEEP;
        count--;
        if (under_way)
            under_way--;
    }
    again_ms = now_ms();
    if (done)
        recorded_ms = again_ms;
    return done;
}

/* Take one answer; 0 when the inspector does not know this camera. */
static int take(const char *text) {
    char mine[64];
    snprintf(mine, sizeof mine, "\"boot\":\"%s\"", boot);
    if (strstr(text, "\"kind\":\"granted\"")) {
        char given[65] = "";
        const char *found = strstr(text, "\"session\":\"");
        if (!found || sscanf(found, "\"session\":\"%64[^\"]\"", given) != 1)
            return 1;
        granted = (int)number_of(text, "\"frames\":");
        if (strcmp(given, session)) { /* rule 3: a session we do not know begins from the oldest */
            strcpy(session, given);
            under_way = 0;
            again_ms = now_ms();
        }
    } else if (strstr(text, "\"kind\":\"recorded\"") && strstr(text, mine)) {
        forget(number_of(text, "\"first\":"), number_of(text, "\"last\":"));
    } else if (strstr(text, "\"kind\":\"refused\"")) {
        long long number = number_of(text, "\"number\":");
        fprintf(stderr, "camera: the inspector refused: %s\n", text);
        if (number < 0)
            return 0;
        if (strstr(text, mine))
            refused += forget(number, number);
    }
    return 1;
}

/* Name this start as no other was, also where the clock begins with the same second each time; 0 without random bytes. */
static int name_boot(void) {
    unsigned char random[8];
    int file = open("/dev/urandom", O_RDONLY);
    int is_whole = file >= 0 && read(file, random, sizeof random) == (ssize_t)sizeof random;
    if (file >= 0)
        close(file);
    for (size_t at = 0; is_whole && at < sizeof random; at++)
        sprintf(boot + 2 * at, "%02x", random[at]);
    return is_whole;
}

/* Read on; 1 once a frame is whole, -1 at the end, -2 where that is no end: within a frame, or an error. */
static int read_frame(unsigned char *pixels, size_t *have) {
    ssize_t got = read(0, pixels + *have, frame_bytes - *have);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got < 0)
        fprintf(stderr, "camera: standard input: %s\n", strerror(errno));
    else if (!got && *have)
        fprintf(stderr, "camera: standard input ended with %zu bytes of a frame of %zu\n", *have, frame_bytes);
    if (got <= 0)
        return got || *have ? -2 : -1;
    *have += (size_t)got;
    return *have == frame_bytes;
}

/* Read one line of a key file, like secret = "...": 40 letters without quotes among them. */
static int key_of(FILE *file, const char *name, char *key) {
    char line[256], format[64];
    snprintf(format, sizeof format, "%s = \"%%40[^\"]\"", name);
    rewind(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, format, key) == 1 && strlen(key) == 40)
            return 1;
    return 0;
}

/* Use a key for all that is sent; 0 when the file is none. */
static int encrypt(const char *path) {
    const char *const name[] = {"public", "secret", "server"};
    const int option[] = {ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVERKEY};
    FILE *file = fopen(path, "r");
    int is_good = file != NULL;
    for (int at = 0; is_good && at < 3; at++) {
        char key[41];
        is_good = key_of(file, name[at], key) && !zmq_setsockopt(dealer, option[at], key, sizeof key);
    }
    if (file)
        fclose(file);
    return is_good;
}

/* What became of the handshake; 0 when the inspector has refused us: libzmq does not try again by itself. */
static int is_admitted(void *monitor) {
    static int broken_off;
    unsigned char event[6];
    while (zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) == (int)sizeof event) {
        uint16_t kind;
        uint32_t value;
        memcpy(&kind, event, sizeof kind);
        memcpy(&value, event + 2, sizeof value);
        zmq_recv(monitor, event, sizeof event, 0); /* the address */
        if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            fprintf(stderr, "camera: the inspector refuses this key (%u)\n", (unsigned)value);
        else if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            fprintf(stderr, "camera: the inspector asks for a key and none was given, or the other way round\n");
        else if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && ++broken_off == BROKEN_OFF)
            fprintf(stderr, "camera: every handshake breaks off: another inspector's key, or none where one is asked for\n");
        else {
            broken_off = kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? 0 : broken_off;
            continue;
        }
        return 0;
    }
    return 1;
}

int main(int words, char **word) {
    if (words != 7 && words != 8) {
        fprintf(stderr, "camera ADDRESS NAME WIDTH HEIGHT COIL MM_PER_ROW [KEYFILE] < frames\n");
        return 2;
    }
    const char *name = word[2];
    char coil[HEADER_BYTES / 2];
    int width = atoi(word[3]), height = atoi(word[4]), is_open = 1, is_cut = 0;
    double mm_per_row = atof(word[6]);
    long long number = 0, hello_ms = -HELLO_MS;
    size_t have = 0;
    if (width < 1 || width > 65536 || height < 1 || height > 65536 || !(mm_per_row > 0 && mm_per_row <= 1000)) {
        fprintf(stderr, "camera: expected a WIDTH and HEIGHT of 1 to 65536, and a MM_PER_ROW above 0, at most 1000\n");
        return 2;
    }
    if (!is_name(name) || !coil_of(word[5], coil)) {
        fprintf(stderr, "camera: no frame may have this NAME or COIL; what they may have stands in intake/README.md\n");
        return 2;
    }
    frame_bytes = (size_t)width * (size_t)height;
    for (int at = 0; at < KEEP; at++)
        if (!(kept[at].pixels = malloc(frame_bytes)))
            return 1;
    if (!name_boot()) {
        fprintf(stderr, "camera: /dev/urandom: no random bytes\n");
        return 1;
    }

    void *context = zmq_ctx_new();
    dealer = zmq_socket(context, ZMQ_DEALER);
    int yes = 1, zero = 0;
    zmq_setsockopt(dealer, ZMQ_IMMEDIATE, &yes, sizeof yes); /* rule 1 */
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    if (words == 8 && !encrypt(word[7])) {
        fprintf(stderr, "camera: %s is no key file, or this libzmq was built without CURVE\n", word[7]);
        return 2;
    }
    zmq_socket_monitor(dealer, "inproc://handshakes",
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    zmq_connect(monitor, "inproc://handshakes");
    if (zmq_connect(dealer, word[1])) {
        fprintf(stderr, "camera: %s: %s\n", word[1], zmq_strerror(zmq_errno()));
        return 2;
    }
    while (is_open || count) {
        if (now_ms() - hello_ms >= HELLO_MS) {
            int again = under_way && now_ms() - again_ms > AGAIN_MS; /* rule 8 */
            if (greet(name, again)) {
                hello_ms = now_ms();
                again_ms = again ? hello_ms : again_ms;
            }
        }
        if (!is_admitted(monitor))
            return 2;
        forward();
        int reads = is_open && count < KEEP;
        zmq_pollitem_t items[] = {{dealer, 0, ZMQ_POLLIN, 0}, {NULL, 0, ZMQ_POLLIN, 0}};
        zmq_poll(items, reads ? 2 : 1, 50);
        char text[1024];
        int length;
        while ((length = zmq_recv(dealer, text, sizeof text - 1, ZMQ_DONTWAIT)) >= 0) {
            text[length < (int)sizeof text ? length : (int)sizeof text - 1] = 0;
            if (!take(text))
                return 2;
        }
        if (reads && items[1].revents) {
            struct frame *frame = &kept[(oldest + count) % KEEP];
            int is_whole = read_frame(frame->pixels, &have);
            if (is_whole < 0)
                is_open = 0;
            is_cut |= is_whole == -2;
            if (is_whole == 1) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                snprintf(frame->header, HEADER_BYTES,
                         "{\"v\":1,\"camera\":\"%s\",\"boot\":\"%s\",\"number\":%lld,\"captured_ns\":%lld,\"width\":%d,"
                         "\"height\":%d,\"encoding\":\"raw8\",\"crc32\":%lu,%s\"start_mm\":%.3f,\"mm_per_row\":%g}",
                         name, boot, number, now.tv_sec * 1000000000LL + now.tv_nsec, width, height,
                         (unsigned long)crc32(frame->pixels, frame_bytes), coil, (double)number * height * mm_per_row,
                         mm_per_row);
                frame->number = number++;
                frame->is_done = 0;
                if (!count++)
                    recorded_ms = again_ms = now_ms();
                have = 0;
            }
        }
        if (count && now_ms() - recorded_ms > GIVE_UP_MS) {
            fprintf(stderr, "camera: %d frames are not recorded\n", count);
            return 1;
        }
    }
    zmq_close(monitor);
    zmq_close(dealer);
    zmq_ctx_term(context);
    printf("%lld frames sent and recorded\n", number - refused);
    return refused > 0 || is_cut;
}

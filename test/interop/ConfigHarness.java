import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import kafka.server.ConfigHelper;
import kafka.server.DynamicBrokerConfig;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.storage.internals.log.LogConfig;

/** Answers questions about Apache Kafka's configuration: a JSON question a line in, a JSON answer a line out. */
public class ConfigHarness {
    static final ConfigDef broker = KafkaConfig.configDef();
    static final ConfigDef topic = LogConfig.configDefCopy();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        ObjectMapper json = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            out.println(json.writeValueAsString(answer(json.readTree(line))));
        }
        out.flush();
    }

    static Object answer(JsonNode question) throws Exception {
        switch (question.get("ask").asText()) {
            case "table": return table(def(question));
            case "dynamic": return dynamic();
            case "synonyms": return synonyms();
            case "value": return attempt(() -> value(question));
            case "properties": return attempt(() -> load(question.get("text").asText()));
            case "config": return attempt(() -> config(question));
            case "topic": return attempt(() -> topic(question));
            case "describe": return attempt(() -> describe(question));
            case "validateDynamic": return attempt(() -> validateDynamic(question));
            default: throw new IllegalArgumentException(question.toString());
        }
    }

    interface Question { Object ask() throws Exception; }

    static Object attempt(Question question) {
        try {
            return Collections.singletonMap("accepted", question.ask());
        } catch (Throwable refusal) {
            Throwable cause = refusal instanceof InvocationTargetException ? refusal.getCause() : refusal;
            return Collections.singletonMap("refused", String.valueOf(cause));
        }
    }

    static ConfigDef def(JsonNode question) {
        return question.get("table").asText().equals("broker") ? broker : topic;
    }

    static Object table(ConfigDef def) {
        List<Object> keys = new ArrayList<>();
        for (ConfigDef.ConfigKey key : def.configKeys().values()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("name", key.name);
            row.put("type", key.type.toString().toLowerCase());
            row.put("default", ConfigDef.convertToString(key.defaultValue, key.type));
            row.put("validator", key.validator == null ? null : key.validator.toString());
            row.put("lambda", key.validator instanceof ConfigDef.LambdaValidator);
            row.put("importance", key.importance.toString().toLowerCase());
            row.put("internal", key.internalConfig);
            row.put("documentation", key.documentation);
            keys.add(row);
        }
        return keys;
    }

    static Object module(String name) throws Exception {
        return Class.forName(name).getField("MODULE$").get(null);
    }

    static Object call(Object target, String name) throws Exception {
        return target.getClass().getMethod(name).invoke(target);
    }

    static Object dynamic() throws Exception {
        Map<String, Object> result = new LinkedHashMap<>();
        Object config = module("kafka.server.DynamicBrokerConfig$");
        result.put("modes", call(config, "dynamicConfigUpdateModes"));
        List<String> listenerOnly = new ArrayList<>();
        scala.collection.Iterator<?> names =
            ((scala.collection.Iterable<?>) call(config, "DynamicSecurityConfigs")).iterator();
        while (names.hasNext()) listenerOnly.add((String) names.next());
        result.put("listenerOnly", listenerOnly);
        ConfigDef only = new ConfigDef();
        for (Object key : ((Map<?, ?>) call(module("kafka.server.DynamicConfig$Broker$"), "configKeys")).values()) {
            if (!broker.configKeys().containsKey(((ConfigDef.ConfigKey) key).name)) only.define((ConfigDef.ConfigKey) key);
        }
        result.put("only", table(only));
        return result;
    }

    static Object synonyms() {
        Map<String, Object> result = new LinkedHashMap<>();
        ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.forEach((key, synonyms) -> {
            List<String> names = new ArrayList<>();
            synonyms.forEach(synonym -> names.add(synonym.name()));
            result.put(key, names);
        });
        return result;
    }

    static Object value(JsonNode question) {
        ConfigDef.ConfigKey key = def(question).configKeys().get(question.get("key").asText());
        Object parsed = ConfigDef.parseType(key.name, question.get("value").asText(), key.type);
        if (key.validator != null) key.validator.ensureValid(key.name, parsed);
        return ConfigDef.convertToString(parsed, key.type);
    }

    static Object load(String text) throws Exception {
        Properties properties = new Properties();
        properties.load(new StringReader(text));
        return properties;
    }

    static Properties properties(JsonNode node) {
        Properties properties = new Properties();
        if (node != null) node.fields().forEachRemaining(e -> properties.setProperty(e.getKey(), e.getValue().asText()));
        return properties;
    }

    static KafkaConfig kafkaConfig(JsonNode question) {
        KafkaConfig config = KafkaConfig.fromProps(properties(question.get("properties")), false);
        LogConfig.validateBrokerLogConfigValues(config.extractLogConfigMap(), false);
        return config;
    }

    static List<String> endPoints(scala.collection.Seq<kafka.cluster.EndPoint> endPoints) {
        List<String> result = new ArrayList<>();
        scala.collection.Iterator<kafka.cluster.EndPoint> all = endPoints.iterator();
        while (all.hasNext()) {
            kafka.cluster.EndPoint endPoint = all.next();
            result.add(endPoint.connectionString() + " " + endPoint.securityProtocol());
        }
        return result;
    }

    static Object config(JsonNode question) {
        KafkaConfig config = kafkaConfig(question);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("listeners", endPoints(config.listeners()));
        result.put("advertisedListeners", endPoints(config.effectiveAdvertisedBrokerListeners()));
        result.put("interBrokerListenerName", config.interBrokerListenerName().value());
        List<String> logDirs = new ArrayList<>();
        scala.collection.Iterator<String> dirs = config.logDirs().iterator();
        while (dirs.hasNext()) logDirs.add(dirs.next());
        result.put("logDirs", logDirs);
        Map<String, String> topicDefaults = new HashMap<>();
        LogConfig logConfig = LogConfig.fromProps(config.extractLogConfigMap(), new Properties());
        logConfig.values().forEach((key, value) -> topicDefaults.put(key, text(key, value)));
        result.put("topicDefaults", topicDefaults);
        return result;
    }

    static String text(String key, Object value) {
        return ConfigDef.convertToString(value, topic.configKeys().get(key).type);
    }

    static Object topic(JsonNode question) {
        KafkaConfig config = kafkaConfig(question);
        Properties overrides = properties(question.get("overrides"));
        LogConfig.validate(Collections.emptyMap(), overrides, config.extractLogConfigMap(), false, true);
        LogConfig logConfig = LogConfig.fromProps(config.extractLogConfigMap(), overrides);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("compact", logConfig.compact);
        result.put("delete", logConfig.delete);
        result.put("before", String.valueOf(logConfig.messageTimestampBeforeMaxMs));
        result.put("after", String.valueOf(logConfig.messageTimestampAfterMaxMs));
        return result;
    }

    static KafkaConfig dynamicConfig(JsonNode question) throws Exception {
        KafkaConfig config = kafkaConfig(question);
        Object dynamic = config.getClass().getMethod("dynamicConfig").invoke(config);
        invoke(dynamic, "initialize", scala.Option.empty(), scala.Option.empty());
        invoke(dynamic, "updateDefaultConfig", properties(question.get("cluster")), false);
        invoke(dynamic, "updateBrokerConfig", config.brokerId(), properties(question.get("broker")), false);
        return config;
    }

    static Object invoke(Object target, String name, Object... arguments) throws Exception {
        for (Method method : target.getClass().getDeclaredMethods()) {
            if (!method.getName().endsWith(name) || method.getParameterCount() != arguments.length) continue;
            method.setAccessible(true);
            return method.invoke(target, arguments);
        }
        throw new NoSuchMethodException(name);
    }

    static Object describe(JsonNode question) throws Exception {
        KafkaConfig config = dynamicConfig(question);
        ConfigHelper helper = new ConfigHelper(null, config, null);
        Map<String, Object> result = new LinkedHashMap<>();
        List<Object> entries = new ArrayList<>();
        Map<String, Object> all = new HashMap<>();
        config.originals().forEach(all::put);
        config.nonInternalValues().forEach(all::put);
        all.forEach((name, value) -> entries.add(brokerEntry(helper, true, name, value)));
        result.put("broker", entries);
        List<Object> defaults = new ArrayList<>();
        properties(question.get("cluster"))
            .forEach((name, value) -> defaults.add(brokerEntry(helper, false, (String) name, value)));
        result.put("defaults", defaults);
        List<Object> topicEntries = new ArrayList<>();
        Properties overrides = properties(question.get("overrides"));
        LogConfig logConfig = LogConfig.fromProps(config.extractLogConfigMap(), overrides);
        Map<String, Object> topicAll = new HashMap<>(logConfig.originals());
        topicAll.putAll(logConfig.nonInternalValues());
        topicAll.forEach((name, value) ->
            topicEntries.add(entry(helper.createTopicConfigEntry(logConfig, overrides, true, false, name, value))));
        result.put("topic", topicEntries);
        return result;
    }

    static Object brokerEntry(ConfigHelper helper, boolean perBroker, String name, Object value) {
        try {
            return entry((DescribeConfigsResourceResult)
                invoke(helper, "createBrokerConfigEntry", perBroker, true, false, name, value));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static Object entry(DescribeConfigsResourceResult entry) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("name", entry.name());
        result.put("value", entry.value());
        result.put("source", entry.configSource());
        result.put("readOnly", entry.readOnly());
        result.put("isSensitive", entry.isSensitive());
        List<Object> synonyms = new ArrayList<>();
        entry.synonyms().forEach(synonym -> {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", synonym.name());
            one.put("value", synonym.value());
            one.put("source", synonym.source());
            synonyms.add(one);
        });
        result.put("synonyms", synonyms);
        result.put("configType", entry.configType());
        return result;
    }

    static Object validateDynamic(JsonNode question) throws Exception {
        KafkaConfig config = dynamicConfig(question);
        Object dynamic = config.getClass().getMethod("dynamicConfig").invoke(config);
        invoke(dynamic, "validate", properties(question.get("settings")), question.get("scope").asText().equals("broker"));
        return true;
    }
}
